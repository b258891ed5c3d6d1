// Pairs images with noise from NumPy files, or solves a matrix of costs from one: try the library on your own latents.
//
//   pair --images latents.npy --noise noise.npy --out permutation.npy
//   pair --cost-matrix costs.npy --json
//
// The permutation is int64 [n]: noise row of each image, so that in Python `noise[permutation]` belongs to `images`.
#include "common/npy.hpp"

#include <immiscible/immiscible.hpp>

#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <exception>
#include <limits>
#include <map>
#include <new>
#include <numeric>
#include <optional>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace {

using immiscible::assignment;
using immiscible::batch;
using immiscible::cost_function;
using immiscible::matrix_view;
using immiscible::method;

// ------------------------------------------------------------------------------------------------- The command line

const std::map<std::string, method> methods = {{"exact", method::exact},
                                               {"auction", method::auction},
                                               {"greedy", method::greedy},
                                               {"nearest", method::nearest},
                                               {"none", method::none}};
const std::map<std::string, cost_function> cost_functions = {{"squared_l2", cost_function::squared_l2},
                                                             {"l2", cost_function::l2},
                                                             {"inner_product", cost_function::inner_product},
                                                             {"cosine", cost_function::cosine},
                                                             {"published", cost_function::published}};

struct command_line {
  std::string images, noise, cost_matrix, out;
  std::string method = "exact", cost = "squared_l2";
  std::size_t repeat = 1, threads = 1;
  bool json = false;
};

void describe(CLI::App& app, command_line& o) {
  auto* images = app.add_option("--images", o.images, "images [n, ...], .npy; all axes but the first run together (d)");
  auto* noise = app.add_option("--noise", o.noise, "noise [m, ...], .npy, m >= n; for --method nearest [n k, ...]");
  auto* matrix = app.add_option("--cost-matrix", o.cost_matrix,
                                "costs [n, m], .npy, instead of images and noise: float32, float64, int16 or int32; "
                                "+infinity forbids a pair");
  app.add_option("--method", o.method, "exact, auction, greedy, nearest (of k) or none")
      ->check(CLI::IsMember(methods))
      ->capture_default_str();
  app.add_option("--cost", o.cost, "squared_l2, l2, inner_product, cosine or published (the authors' fp16 distances)")
      ->check(CLI::IsMember(cost_functions))
      ->excludes(matrix)
      ->capture_default_str();
  app.add_option("--repeat", o.repeat, "how often to do the work; times are medians")
      ->check(CLI::Range(1, 1'000'000))
      ->capture_default_str();
  app.add_option("--threads", o.threads, "threads for the costs")->check(CLI::Range(1, 1024))->capture_default_str();
  app.add_option("--out", o.out, "writes the permutation here: .npy, int64 [n], the noise row of each image");
  app.add_flag("--json", o.json, "prints one JSON object instead of a table");
  images->needs(noise)->excludes(matrix);
  noise->needs(images)->excludes(matrix);
}

// ------------------------------------------------------------------------------------------------------- The result

/// What is printed. Optional values are null where they mean nothing: distances and d for a matrix of costs.
struct report {
  std::size_t n = 0, m = 0;
  std::optional<std::size_t> d;
  std::vector<double> cost_seconds, solve_seconds;  // one for each repetition
  std::optional<double> mean_distance_before, mean_distance_after;
  std::vector<std::int32_t> noise_of_image;
  double total_cost = 0, lower_bound = 0, gap = 0;
  immiscible::status status = immiscible::status::feasible;
  bool proved = false;
};

template <class Price>
void take(const immiscible::basic_assignment<Price>& answer, report& r) {
  r.noise_of_image = answer.noise_of_image;
  r.total_cost = answer.total_cost;
  r.lower_bound = answer.lower_bound;
  r.status = answer.status;
  r.gap = immiscible::gap(answer);
}

/// Runs `work` and adds its wall-clock seconds to `seconds`.
template <class Work>
auto timed(std::vector<double>& seconds, Work work) {
  const auto start = std::chrono::steady_clock::now();
  auto result = work();
  seconds.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return result;
}

double median(std::vector<double> values) {
  if (values.empty()) return 0;
  std::sort(values.begin(), values.end());
  const std::size_t half = values.size() / 2;
  return values.size() % 2 == 1 ? values[half] : (values[half - 1] + values[half]) / 2;
}

// --------------------------------------------------------------------------------------------------------- The work

/// Image i gets noise i.
template <class Cost>
immiscible::basic_assignment<immiscible::price_of<Cost>> keep_order(const batch<Cost>& cost) {
  immiscible::basic_assignment<immiscible::price_of<Cost>> answer;
  answer.noise_of_image.resize(cost.rows());
  std::iota(answer.noise_of_image.begin(), answer.noise_of_image.end(), 0);
  for (std::size_t i = 0; i < cost.rows(); ++i) answer.total_cost += static_cast<double>(cost(i, i));
  answer.lower_bound = -std::numeric_limits<double>::infinity();
  answer.status = std::isfinite(answer.total_cost) ? immiscible::status::feasible : immiscible::status::infeasible;
  if (answer.status == immiscible::status::infeasible) answer.noise_of_image.assign(cost.rows(), -1);
  return answer;
}

template <class Cost>
immiscible::basic_assignment<immiscible::price_of<Cost>> solve(const batch<Cost>& cost, method how) {
  switch (how) {
    case method::exact:
      return immiscible::jonker_volgenant(cost);
    case method::auction:
      return immiscible::auction(cost);
    case method::greedy:
      return immiscible::greedy(cost);
    default:
      return keep_order(cost);
  }
}

/// Solves `cost` once, times it, and checks the proof outside the time.
template <class Cost>
void solve_and_check(const batch<Cost>& cost, method how, bool check, report& r) {
  const auto answer = timed(r.solve_seconds, [&] { return solve(cost, how); });
  if (!check) return;
  take(answer, r);
  r.proved = immiscible::is_optimal(cost, answer);
}

/// n <= m, said before any work.
void require_enough_noise(const report& r, const std::string& rows, const std::string& columns) {
  if (r.n > r.m) {
    throw std::invalid_argument("needs at least as many " + columns + " as " + rows +
                                ", got n = " + std::to_string(r.n) + ", m = " + std::to_string(r.m));
  }
}

template <class Cost>
report pair_by_matrix(const npy::array& file, const command_line& o) {
  report r;
  r.n = file.shape[0];
  r.m = file.shape[1];
  require_enough_noise(r, "rows (images)", "columns (noises)");
  const std::vector<Cost> elements = npy::elements<Cost>(file);
  const batch<Cost> cost(elements.data(), r.n, r.m);
  for (std::size_t i = 0; i < elements.size(); ++i) {  // --method none reads the diagonal only: bad costs must not pass
    if (elements[i] != elements[i]) {
      throw std::invalid_argument(o.cost_matrix + ": needs costs without NaN, got NaN at row " +
                                  std::to_string(i / r.m) + ", column " + std::to_string(i % r.m));
    }
  }
  for (std::size_t pass = 0; pass < o.repeat; ++pass) {
    solve_and_check(cost, methods.at(o.method), pass + 1 == o.repeat, r);
  }
  return r;
}

report pair_by_matrix(const command_line& o) {
  const npy::array file = npy::load(o.cost_matrix);
  if (file.shape.size() != 2) {
    throw npy::error(o.cost_matrix, "needs shape [n, m], got " + std::to_string(file.shape.size()) + " axes");
  }
  if (o.method == "nearest") throw std::invalid_argument("--method nearest needs --images and --noise");
  if (file.dtype == "<f4") return pair_by_matrix<float>(file, o);
  if (file.dtype == "<f8") return pair_by_matrix<double>(file, o);
  if (file.dtype == "<i2") return pair_by_matrix<std::int16_t>(file, o);
  if (file.dtype == "<i4") return pair_by_matrix<std::int32_t>(file, o);
  throw npy::error(o.cost_matrix, "needs costs in float32, float64, int16 or int32, got '" + file.dtype + "'");
}

/// Samples [n, d] from a file [n, ...], as float.
struct samples {
  explicit samples(const std::string& path) {
    const npy::array file = npy::load(path);
    if (file.shape.empty()) throw npy::error(path, "needs shape [n, ...], got a single number");
    values = npy::elements<float>(file);
    view = batch<float>(values.data(), file.rows(), file.columns());
  }
  std::vector<float> values;
  batch<float> view;
};

/// Memory for costs [n, m].
std::vector<float> cost_memory(std::size_t n, std::size_t m) {
  try {
    if (m != 0 && n > std::numeric_limits<std::size_t>::max() / m) throw std::bad_alloc();
    return std::vector<float>(n * m);
  } catch (const std::exception&) {
    throw std::runtime_error("not enough memory for the costs: " + std::to_string(n) + " x " + std::to_string(m) +
                             " floats");
  }
}

/// Pairs by a matrix of costs, which is computed and timed apart.
void pair_by_costs(const batch<float>& images, const batch<float>& noise, const command_line& o, report& r) {
  require_enough_noise(r, "images", "noise rows");
  const cost_function function = cost_functions.at(o.cost);
  std::vector<float> memory = cost_memory(r.n, r.m);
  const matrix_view<float> cost(memory.data(), r.n, r.m);
  for (std::size_t pass = 0; pass < o.repeat; ++pass) {
    timed(r.cost_seconds, [&] {
      immiscible::pairwise_cost(images, noise, function, cost, o.threads);
      return 0;
    });
    solve_and_check(batch<float>(cost), methods.at(o.method), pass + 1 == o.repeat, r);
  }
}

report pair_samples(const command_line& o) {
  const samples images(o.images), noise(o.noise);
  report r;
  r.n = images.view.rows();
  r.m = noise.view.rows();
  r.d = images.view.columns();
  std::size_t k = 1;  // --method nearest: candidates of each image
  if (o.method == "nearest") {
    if (r.n == 0 ? r.m != 0 : r.m == 0 || r.m % r.n != 0) {
      throw std::invalid_argument("--method nearest needs noise [n k, d], k >= 1, got n = " + std::to_string(r.n) +
                                  " images and " + std::to_string(r.m) + " noise rows");
    }
    k = r.n == 0 ? 1 : r.m / r.n;
    for (std::size_t pass = 0; pass < o.repeat; ++pass) {
      take(timed(r.solve_seconds,
                 [&] { return immiscible::nearest_noise(images.view, noise.view, k, cost_functions.at(o.cost)); }),
           r);
    }
  } else if (o.method == "none") {
    require_enough_noise(r, "images", "noise rows");
    immiscible::assign_options options;  // nothing to do, so no time: this only adds up what random pairing costs
    options.method = method::none;
    options.cost = cost_functions.at(o.cost);
    take(immiscible::assign(images.view, noise.view, options), r);
  } else {
    pair_by_costs(images.view, noise.view, o, r);
  }
  std::vector<std::int32_t> first(r.n);  // before pairing: noise i, or the first of the image's candidates
  for (std::size_t i = 0; i < r.n; ++i) first[i] = static_cast<std::int32_t>(i * k);
  r.mean_distance_before = immiscible::mean_distance(images.view, noise.view, first);
  if (r.status != immiscible::status::infeasible) {
    r.mean_distance_after = immiscible::mean_distance(images.view, noise.view, r.noise_of_image);
  }
  return r;
}

// --------------------------------------------------------------------------------------------------------- Printing

std::string status_name(immiscible::status status) {
  switch (status) {
    case immiscible::status::optimal:
      return "optimal";
    case immiscible::status::feasible:
      return "feasible";
    default:
      return "infeasible";
  }
}

template <class T>
nlohmann::json value_or_null(const std::optional<T>& value) {
  return value ? nlohmann::json(*value) : nlohmann::json();
}

void print_json(const report& r, const command_line& o) {
  nlohmann::ordered_json out;  // what is not finite (no bound, no matching) becomes null
  out["method"] = o.method;
  out["n"] = r.n;
  out["m"] = r.m;
  out["d"] = value_or_null(r.d);
  out["cost_seconds"] = median(r.cost_seconds);
  out["solve_seconds"] = median(r.solve_seconds);
  out["mean_distance_before"] = value_or_null(r.mean_distance_before);
  out["mean_distance_after"] = value_or_null(r.mean_distance_after);
  out["total_cost"] = r.total_cost;
  out["lower_bound"] = r.lower_bound;
  out["gap"] = r.gap;
  out["status"] = status_name(r.status);
  out["proved"] = r.proved;
  std::printf("%s\n", out.dump().c_str());
}

void print_table(const report& r, const command_line& o) {
  std::printf("method     %s: %s%s\n", o.method.c_str(), status_name(r.status).c_str(),
              r.proved                                     ? ", proved by its prices"
              : r.status == immiscible::status::infeasible ? ", +infinity costs forbid a matching"
                                                           : "");
  std::printf("sizes      %zu images, %zu noises", r.n, r.m);
  if (r.d) std::printf(", %zu values each", *r.d);
  std::printf("\ntime       ");
  if (!r.cost_seconds.empty()) std::printf("costs %.3f ms, ", 1e3 * median(r.cost_seconds));
  std::printf("%s %.3f ms (median of %zu)\n", o.method == "nearest" ? "choosing" : "solver",
              1e3 * median(r.solve_seconds), o.repeat);
  if (r.mean_distance_before && r.mean_distance_after) {
    std::printf("distance   %.6g before, %.6g after", *r.mean_distance_before, *r.mean_distance_after);
    if (*r.mean_distance_before > 0) {
      std::printf(" (%+.3f %%)", 100 * (*r.mean_distance_after / *r.mean_distance_before - 1));
    }
    std::printf("\n");
  }
  if (r.status != immiscible::status::infeasible) {
    std::printf("total      %.9g", r.total_cost);
    if (std::isfinite(r.gap)) std::printf(", at most %.3g above the least possible", r.gap);
    std::printf("\n");
  }
}

void pair(const command_line& o) {
  if (o.images.empty() && o.cost_matrix.empty()) {
    throw std::invalid_argument("needs --images and --noise, or --cost-matrix");
  }
  const report r = o.cost_matrix.empty() ? pair_samples(o) : pair_by_matrix(o);
  if (!o.out.empty()) {
    npy::save(o.out, {r.n}, std::vector<std::int64_t>(r.noise_of_image.begin(), r.noise_of_image.end()));
  }
  o.json ? print_json(r, o) : print_table(r, o);
}

}  // namespace

int main(int argc, char** argv) {
  CLI::App app("Pairs images with noise, or solves a matrix of costs, from NumPy files.", "pair");
  command_line options;
  describe(app, options);
  try {
    app.parse(argc, argv);
    pair(options);
    return 0;
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "pair: %s\n", error.what());
    return 2;
  }
}
