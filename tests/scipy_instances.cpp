// The exact solver against SciPy: the optimal totals in data/scipy_instances.json, for every type of cost.
#include <immiscible/assignment.hpp>
#include <immiscible/jonker_volgenant.hpp>

#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <array>
#include <cmath>
#include <cstdint>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

namespace scipy_instances_tests {

namespace {

/// The generator of Steele, Lea and Flood (2014); its twin stands in data/scipy_instances.py.
class split_mix_64 {
 public:
  explicit split_mix_64(std::uint64_t seed) : state_(seed) {}

  std::uint64_t operator()() {
    std::uint64_t z = state_ += 0x9E3779B97F4A7C15u;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9u;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EBu;
    return z ^ (z >> 31);
  }
  std::int64_t below(std::int64_t values) {
    return static_cast<std::int64_t>((*this)() % static_cast<std::uint64_t>(values));
  }

 private:
  std::uint64_t state_;
};

constexpr std::int64_t forbidden = std::numeric_limits<std::int64_t>::max();

struct instance {
  std::string name;
  std::size_t n = 0, m = 0;
  std::vector<std::int64_t> cost;  // [n, m]
  bool has_forbidden = false;
  bool feasible = true;
  std::int64_t total = 0;
};

/// Rows alike, as images are: (bias - a_i . b_j) / scale, a_i = a common vector + a small own one, b_j bell-shaped.
std::vector<std::int64_t> alike(std::size_t n, std::size_t m, split_mix_64 draw, std::int64_t scale) {
  constexpr std::size_t d = 16;
  constexpr std::int64_t bias = 16 * 320 * 126;
  std::array<std::int64_t, d> common{};
  for (auto& x : common) x = draw.below(256);
  std::vector<std::array<std::int64_t, d>> images(n), noise(m);
  for (auto& image : images) {
    for (std::size_t k = 0; k < d; ++k) image[k] = common[k] + draw.below(64);
  }
  for (auto& sample : noise) {
    for (auto& x : sample) {
      x = -126;
      for (int four = 0; four < 4; ++four) x += draw.below(64);
    }
  }
  std::vector<std::int64_t> cost;
  for (const auto& image : images) {
    for (const auto& sample : noise) {
      std::int64_t product = 0;
      for (std::size_t k = 0; k < d; ++k) product += image[k] * sample[k];
      cost.push_back((bias - product) / scale);
    }
  }
  return cost;
}

/// Repeats the recipe of data/scipy_instances.py, or takes the stored costs.
instance make(const nlohmann::json& recipe) {
  instance problem;
  problem.name = recipe.at("name").get<std::string>();
  problem.n = recipe.at("n").get<std::size_t>();
  problem.m = recipe.at("m").get<std::size_t>();
  problem.feasible = !recipe.at("total").is_null();
  if (problem.feasible) problem.total = recipe.at("total").get<std::int64_t>();

  const std::string family = recipe.at("family").get<std::string>();
  const std::uint64_t seed = recipe.value("seed", std::uint64_t{0});
  if (family == "uniform") {
    split_mix_64 draw(seed);
    problem.cost.resize(problem.n * problem.m);
    for (auto& c : problem.cost) c = draw.below(recipe.at("values").get<std::int64_t>());
  } else if (family == "alike") {
    problem.cost = alike(problem.n, problem.m, split_mix_64(seed), recipe.at("scale").get<std::int64_t>());
  } else if (family == "machol_wien") {
    for (std::size_t i = 0; i < problem.n; ++i) {
      for (std::size_t j = 0; j < problem.m; ++j) problem.cost.push_back(static_cast<std::int64_t>((i + 1) * (j + 1)));
    }
  } else if (family == "stored") {
    for (const auto& row : recipe.at("cost")) {
      for (const auto& c : row) problem.cost.push_back(c.get<std::int64_t>());
    }
  }
  REQUIRE(problem.cost.size() == problem.n * problem.m);  // an unknown family ends here

  if (recipe.contains("forbidden")) {
    problem.has_forbidden = true;
    split_mix_64 draw(seed + 1);
    for (auto& c : problem.cost) {
      if (draw.below(100) < recipe.at("forbidden").get<std::int64_t>()) c = forbidden;
    }
  }
  return problem;
}

const std::vector<instance>& instances() {
  static const std::vector<instance> all = [] {
    std::ifstream file(IMMISCIBLE_TEST_DATA "/scipy_instances.json");
    REQUIRE(file);
    std::vector<instance> read;
    for (const auto& recipe : nlohmann::json::parse(file)) read.push_back(make(recipe));
    return read;
  }();
  return all;
}

/// True if every cost is a value of `Cost`, exactly.
template <class Cost>
bool fits(const instance& problem) {
  if (problem.has_forbidden && std::is_integral<Cost>::value) return false;
  for (const std::int64_t c : problem.cost) {
    if (c != forbidden && (static_cast<std::int64_t>(static_cast<Cost>(c)) != c)) return false;
  }
  return true;
}

}  // namespace

TEMPLATE_TEST_CASE("the exact solver finds SciPy's optimal total and proves it", "", float, double, std::int16_t,
                   std::int32_t) {
  using immiscible::status;
  std::size_t solved = 0, infeasible = 0;
  for (const instance& problem : instances()) {
    if (!fits<TestType>(problem)) continue;
    INFO(problem.name << " [" << problem.n << ", " << problem.m << "]");
    std::vector<TestType> cost;
    for (const std::int64_t c : problem.cost) {
      cost.push_back(c == forbidden ? std::numeric_limits<TestType>::infinity() : static_cast<TestType>(c));
    }
    const immiscible::matrix_view<const TestType> view(cost.data(), problem.n, problem.m);
    const auto answer = immiscible::jonker_volgenant(view);

    if (!problem.feasible) {
      ++infeasible;
      CHECK(answer.status == status::infeasible);
      CHECK(answer.noise_of_image == std::vector<std::int32_t>(problem.n, -1));
      continue;
    }
    ++solved;
    REQUIRE(answer.status == status::optimal);
    CHECK(answer.total_cost == static_cast<double>(problem.total));
    CHECK(immiscible::is_optimal(view, answer));
    std::int64_t total = 0;
    for (std::size_t i = 0; i < problem.n; ++i) {
      total += problem.cost[i * problem.m + static_cast<std::size_t>(answer.noise_of_image[i])];
    }
    CHECK(total == problem.total);
  }
  // What a type cannot hold is left out above: here stands how much must be left.
  CHECK(solved == (std::is_same<TestType, double>::value         ? 25
                   : std::is_same<TestType, float>::value        ? 24
                   : std::is_same<TestType, std::int32_t>::value ? 22
                                                                 : 18));
  CHECK(infeasible == (std::is_floating_point<TestType>::value ? 2 : 0));
}

}  // namespace scipy_instances_tests
