// The tool `pair`, run as its users run it: what it prints, writes and refuses.
#include "../examples/common/npy.hpp"

#include <immiscible/immiscible.hpp>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <limits>
#include <random>
#include <sstream>
#include <string>
#include <vector>

namespace {

/// A folder of this test alone, removed at its end.
class temporary_folder {
 public:
  temporary_folder() { std::filesystem::create_directories(path_); }
  temporary_folder(const temporary_folder&) = delete;
  temporary_folder& operator=(const temporary_folder&) = delete;
  ~temporary_folder() { std::filesystem::remove_all(path_); }

  std::string operator/(const std::string& name) const { return (path_ / name).string(); }

 private:
  std::filesystem::path path_ =
      std::filesystem::temp_directory_path() / ("immiscible_pair_" + std::to_string(getpid()));
};

std::string text_of(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

struct run_result {
  int exit_code;
  std::string out, err;
  nlohmann::json json() const { return nlohmann::json::parse(out); }
};

/// Files of one test and the program on them.
struct workshop {
  temporary_folder folder;

  template <class T>
  std::string save(const std::string& name, const std::vector<std::size_t>& shape, const std::vector<T>& values) const {
    npy::save(folder / name, shape, values);
    return folder / name;
  }

  run_result pair(const std::string& arguments) const {
    const std::string out = folder / "stdout", err = folder / "stderr";
    const int status = std::system(("'" PAIR_PROGRAM "' " + arguments + " >" + out + " 2>" + err).c_str());
    return {WIFEXITED(status) ? WEXITSTATUS(status) : -1, text_of(out), text_of(err)};
  }

  /// Exit code 2, nothing on standard output and one line on standard error: that line.
  std::string refusal(const std::string& arguments) const {
    const run_result run = pair(arguments);
    CHECK(run.exit_code == 2);
    CHECK(run.out.empty());
    REQUIRE(std::count(run.err.begin(), run.err.end(), '\n') == 1);
    REQUIRE(run.err.rfind("pair: ", 0) == 0);
    return run.err.substr(6, run.err.size() - 7);
  }
};

std::vector<float> normal_values(std::size_t count, unsigned seed) {
  std::mt19937 engine(seed);
  std::normal_distribution<float> normal;
  std::vector<float> values(count);
  for (float& value : values) value = normal(engine);
  return values;
}

constexpr std::size_t n = 24, d = 12;
const std::vector<float> image_values = normal_values(n * d, 1), noise_values = normal_values(n * d, 2);
const immiscible::batch<float> image_view(image_values.data(), n, d), noise_view(noise_values.data(), n, d);

std::vector<std::int32_t> read_permutation(const std::string& path) {
  const npy::array file = npy::load(path);
  REQUIRE(file.dtype == "<i8");
  REQUIRE(file.shape.size() == 1);
  return npy::elements<std::int32_t>(file);
}

}  // namespace

TEST_CASE("pair finds the pairing that the library finds, and reports it") {
  const workshop w;
  const std::string files = "--images " + w.save("images.npy", {n, 3, 2, 2}, image_values) + " --noise " +
                            w.save("noise.npy", {n, d}, noise_values);
  const std::string permutation = w.folder / "permutation.npy";
  const run_result run = w.pair(files + " --json --repeat 3 --out " + permutation);
  REQUIRE(run.exit_code == 0);
  CHECK(run.err.empty());

  const auto answer = immiscible::assign(image_view, noise_view);
  CHECK(read_permutation(permutation) == answer.noise_of_image);
  const auto json = run.json();
  CHECK(json.size() == 13);
  CHECK(json.at("method") == "exact");
  CHECK(json.at("n") == n);
  CHECK(json.at("m") == n);
  CHECK(json.at("d") == d);
  CHECK(json.at("cost_seconds").get<double>() > 0);
  CHECK(json.at("solve_seconds").get<double>() > 0);
  CHECK(json.at("mean_distance_before").get<double>() == Approx(immiscible::mean_distance(image_view, noise_view)));
  CHECK(json.at("mean_distance_after").get<double>() ==
        Approx(immiscible::mean_distance(image_view, noise_view, answer.noise_of_image)));
  CHECK(json.at("total_cost").get<double>() == Approx(answer.total_cost));
  CHECK(json.at("lower_bound").get<double>() == Approx(answer.total_cost));
  CHECK(json.at("gap") == 0.0);
  CHECK(json.at("status") == "optimal");
  CHECK(json.at("proved") == true);
}

TEST_CASE("pair without --json prints a short table") {
  const workshop w;
  const run_result run = w.pair("--images " + w.save("images.npy", {n, d}, image_values) + " --noise " +
                                w.save("noise.npy", {n, d}, noise_values));
  CHECK(run.exit_code == 0);
  CHECK_THAT(run.out, Catch::StartsWith("method     exact: optimal, proved by its prices\nsizes      24 images"));
  CHECK(std::count(run.out.begin(), run.out.end(), '\n') == 5);
}

TEST_CASE("pair --method changes what is found and what is known of it") {
  const workshop w;
  const std::string files = "--images " + w.save("images.npy", {n, d}, image_values) + " --noise " +
                            w.save("noise.npy", {n, d}, noise_values) + " --json --method ";
  const auto exact = w.pair(files + "exact").json();
  for (const char* method : {"auction", "greedy", "none"}) {
    INFO(method);
    const auto json = w.pair(files + method + " --out " + (w.folder / "p.npy")).json();
    CHECK(json.at("method") == method);
    CHECK(json.at("total_cost") >= exact.at("total_cost"));
    CHECK(json.at("status") == "feasible");
    CHECK(json.at("proved") == false);
    CHECK(immiscible::detail::is_matching(read_permutation(w.folder / "p.npy"), n, n));
    if (std::string(method) == "none") {
      CHECK(json.at("lower_bound").is_null());
      CHECK(json.at("gap").is_null());
      CHECK(json.at("mean_distance_after") == json.at("mean_distance_before"));
    } else {
      CHECK(json.at("lower_bound") <= exact.at("total_cost"));
      CHECK(json.at("gap") > 0.0);
      CHECK(json.at("mean_distance_after") < json.at("mean_distance_before"));
    }
  }
}

TEST_CASE("pair --cost changes what is least") {
  const workshop w;
  const std::string files = "--images " + w.save("images.npy", {n, d}, image_values) + " --noise " +
                            w.save("noise.npy", {n, d}, noise_values) + " --json --threads 2 --cost ";
  const std::vector<std::pair<std::string, immiscible::cost_function>> functions{
      {"squared_l2", immiscible::cost_function::squared_l2},
      {"l2", immiscible::cost_function::l2},
      {"inner_product", immiscible::cost_function::inner_product},
      {"cosine", immiscible::cost_function::cosine},
      {"published", immiscible::cost_function::published}};
  for (const auto& [name, function] : functions) {
    INFO(name);
    immiscible::assign_options options;
    options.cost = function;
    const auto json = w.pair(files + name).json();
    CHECK(json.at("total_cost").get<double>() ==
          Approx(immiscible::assign(image_view, noise_view, options).total_cost));
    CHECK(json.at("proved") == true);
  }
}

TEST_CASE("pair --method nearest takes k candidates an image from noise [n k, d]") {
  const workshop w;
  const std::size_t few = n / 3;
  const std::string files =
      "--images " +
      w.save("images.npy", {few, d},
             std::vector<float>(image_values.begin(), image_values.begin() + static_cast<std::ptrdiff_t>(few * d))) +
      " --noise " + w.save("noise.npy", {n, d}, noise_values);
  const auto json = w.pair(files + " --json --method nearest --out " + (w.folder / "p.npy")).json();
  const immiscible::batch<float> images(image_values.data(), few, d);
  CHECK(read_permutation(w.folder / "p.npy") == immiscible::nearest_noise(images, noise_view, 3).noise_of_image);
  CHECK(json.at("n") == few);
  CHECK(json.at("m") == n);
  std::vector<std::int32_t> first;  // without a choice every image has the first of its candidates
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(few); ++i) first.push_back(3 * i);
  CHECK(json.at("mean_distance_before").get<double>() == Approx(immiscible::mean_distance(images, noise_view, first)));
  CHECK(json.at("mean_distance_after") < json.at("mean_distance_before"));
}

TEST_CASE("pair --cost-matrix solves each type of cost, square or not") {
  const workshop w;
  const std::vector<int> costs{4, 1, 3, 9, 2, 0, 5, 9, 3, 2, 2, 9};  // least: 1 + 2 + 2 = 5
  const auto solved = [&](const std::string& file) {
    const auto json = w.pair("--json --cost-matrix " + file).json();
    CHECK(json.at("n") == 3);
    CHECK(json.at("m") == 4);
    CHECK(json.at("d").is_null());
    CHECK(json.at("mean_distance_before").is_null());
    CHECK(json.at("mean_distance_after").is_null());
    CHECK(json.at("proved") == true);
    return json.at("total_cost").get<double>();
  };
  CHECK(solved(w.save("f4.npy", {3, 4}, std::vector<float>(costs.begin(), costs.end()))) == 5);
  CHECK(solved(w.save("f8.npy", {3, 4}, std::vector<double>(costs.begin(), costs.end()))) == 5);
  CHECK(solved(w.save("i2.npy", {3, 4}, std::vector<std::int16_t>(costs.begin(), costs.end()))) == 5);
  CHECK(solved(w.save("i4.npy", {3, 4}, std::vector<std::int32_t>(costs.begin(), costs.end()))) == 5);
}

TEST_CASE("pair reports an infeasible matrix as a result") {
  const workshop w;
  const float inf = std::numeric_limits<float>::infinity();
  const std::string file = w.save<float>("costs.npy", {2, 3}, {inf, inf, inf, 1, 2, 3});
  for (const char* method : {"exact", "auction", "greedy", "none"}) {
    INFO(method);
    const run_result run =
        w.pair("--cost-matrix " + file + " --json --out " + (w.folder / "p.npy") + " --method " + method);
    REQUIRE(run.exit_code == 0);
    CHECK(run.json().at("status") == "infeasible");
    CHECK(run.json().at("proved") == false);
    CHECK(run.json().at("total_cost").is_null());
    CHECK(read_permutation(w.folder / "p.npy") == std::vector<std::int32_t>{-1, -1});
  }
}

TEST_CASE("pair takes empty batches") {
  const workshop w;
  const std::string empty = w.save<float>("empty.npy", {0, d}, {});
  for (const char* method : {"exact", "auction", "greedy", "nearest", "none"}) {
    INFO(method);
    const run_result run = w.pair("--images " + empty + " --noise " + empty + " --json --out " + (w.folder / "p.npy") +
                                  " --method " + method);
    REQUIRE(run.exit_code == 0);
    CHECK(run.json().at("total_cost") == 0.0);
    CHECK(read_permutation(w.folder / "p.npy").empty());
  }
}

TEST_CASE("pair refuses samples that are wrong in one line") {
  const workshop w;
  const std::string images = " --images " + w.save("images.npy", {n, d}, image_values);
  const std::string noise = " --noise " + w.save("noise.npy", {n, d}, noise_values);
  std::vector<float> damaged = image_values;
  damaged[5 * d + 3] = std::numeric_limits<float>::quiet_NaN();
  const std::string nan = w.save("nan.npy", {n, d}, damaged);
  for (const char* method : {"exact", "auction", "greedy", "nearest", "none"}) {
    INFO(method);
    CHECK_THAT(w.refusal("--images " + nan + noise + " --method " + method), Catch::Contains("NaN in row 5"));
    CHECK_THAT(w.refusal("--noise " + nan + images + " --method " + method), Catch::Contains("NaN in row 5"));
  }
  damaged[5 * d + 3] = std::numeric_limits<float>::infinity();
  CHECK_THAT(w.refusal(images + " --noise " + w.save("inf.npy", {n, d}, damaged)),
             Catch::Contains("infinity in row 5"));

  CHECK_THAT(w.refusal(images + " --noise " + w.save("narrow.npy", {2 * n, d / 2}, noise_values)),
             Catch::Contains("[24, 12] and noise [48, 6]"));
  const std::string fewer = w.save("fewer.npy", {n / 2, 2 * d}, noise_values);
  const std::string more = " --images " + w.save("more.npy", {n, 2 * d}, normal_values(2 * n * d, 3));
  for (const char* method : {"exact", "auction", "greedy", "none"}) {
    CHECK(w.refusal(more + " --noise " + fewer + " --method " + method) ==
          "needs at least as many noise rows as images, got n = 24, m = 12");
  }
  CHECK(w.refusal(more + " --noise " + fewer + " --method nearest") ==
        "--method nearest needs noise [n k, d], k >= 1, got n = 24 images and 12 noise rows");
  CHECK(w.refusal("--noise x.npy --images " + w.save<float>("scalar.npy", {}, {1})) ==
        (w.folder / "scalar.npy") + ": needs shape [n, ...], got a single number");
}

TEST_CASE("pair refuses costs and files that are wrong in one line") {
  const workshop w;
  const double nan = std::numeric_limits<double>::quiet_NaN();
  const std::string with_nan = "--cost-matrix " + w.save<double>("nan.npy", {2, 2}, {0, 1, nan, 2});
  for (const char* method : {"exact", "auction", "greedy", "none"}) {
    CHECK_THAT(w.refusal(with_nan + " --method " + method), Catch::Contains("NaN at row 1, column 0"));
  }
  CHECK_THAT(w.refusal("--cost-matrix " + w.save<float>("tall.npy", {3, 1}, {1, 2, 3})),
             Catch::Contains("got n = 3, m = 1"));
  CHECK_THAT(w.refusal("--cost-matrix " + w.save<std::int64_t>("i8.npy", {1, 2}, {1, 2})),
             Catch::EndsWith("needs costs in float32, float64, int16 or int32, got '<i8'"));
  CHECK_THAT(w.refusal("--cost-matrix " + w.save<float>("three.npy", {1, 2, 1}, {1, 2})),
             Catch::EndsWith("needs shape [n, m], got 3 axes"));
  CHECK(w.refusal("--cost-matrix " + w.save<float>("good.npy", {1, 2}, {1, 2}) + " --method nearest") ==
        "--method nearest needs --images and --noise");
  CHECK_THAT(w.refusal("--cost-matrix " + (w.folder / "absent.npy")), Catch::EndsWith("absent.npy: no such file"));
  std::filesystem::resize_file(w.folder / "good.npy", 130);
  CHECK_THAT(w.refusal("--cost-matrix " + (w.folder / "good.npy")), Catch::Contains("truncated"));
}

TEST_CASE("pair refuses command lines that make no sense in one line") {
  const workshop w;
  const std::string costs = "--cost-matrix " + w.save<float>("costs.npy", {1, 2}, {1, 2});
  CHECK(w.refusal("") == "needs --images and --noise, or --cost-matrix");
  for (const std::string& arguments :
       {std::string("--images a.npy"), costs + " --images a.npy --noise b.npy", costs + " --cost l2",
        costs + " --method best", costs + " --cost best", costs + " --repeat 0", costs + " --repeat -1",
        costs + " --threads 0", costs + " --unknown", costs + " extra"}) {
    INFO(arguments);
    CHECK_FALSE(w.refusal(arguments).empty());
  }
  CHECK_THAT(w.refusal(costs + " --out '/no such folder/p.npy'"), Catch::EndsWith("cannot be written"));
  CHECK(w.pair(costs).exit_code == 0);  // so none of the above failed for another reason
}
