// Every mistake in the arguments is named: the function, what it needs, what it got; and nothing has changed.
#include "support/laws.hpp"
#include "support/matrix.hpp"

#include <immiscible/assign.hpp>

#include <catch2/catch.hpp>

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace bad_input_tests {

using immiscible::assign_options;
using immiscible::cost_function;
using immiscible::mean_distance;
using immiscible::method;
using immiscible::nearest_noise;
using immiscible::pairwise_cost;
using tests::matrix;

namespace {

constexpr float nan_f = tests::not_a_number<float>;
constexpr float inf_f = std::numeric_limits<float>::infinity();

/// True if `call` throws std::invalid_argument with exactly this message.
template <class Call>
bool refuses(const std::string& message, const Call& call) {
  try {
    call();
  } catch (const std::invalid_argument& error) {
    return error.what() == message || tests::broken(std::string("said: ") + error.what());
  } catch (...) {
    return tests::broken("threw something else");
  }
  return tests::broken("accepted");
}

template <class Scalar = float>
matrix<Scalar> samples(std::size_t n, std::size_t d) {
  return tests::bell_samples<Scalar>(n, d, n + d);
}

template <class Scalar>
matrix<Scalar> spoiled(matrix<Scalar> good, std::size_t i, std::size_t j, Scalar value) {
  good(i, j) = value;
  return good;
}

assign_options options_of(method how, std::size_t candidates = 1) {
  assign_options options;
  options.method = how;
  options.candidates = candidates;
  return options;
}

constexpr method all_methods[] = {method::exact,         method::auction, method::greedy,
                                  method::greedy_by_row, method::nearest, method::none};

}  // namespace

TEST_CASE("pairwise_cost names what does not fit, and leaves the costs as they were") {
  matrix<float> out(3, 2);
  out.values.assign(6, -7.0f);
  const auto images = samples(3, 4), noise = samples(2, 4);
  const auto into = [&](const matrix<float>& x, const matrix<float>& e, cost_function function = cost_function::l2) {
    return [&, function] { pairwise_cost(x, e, function, out.view()); };
  };
  const std::string name = "immiscible::pairwise_cost: ";
  CHECK(refuses(
      name + "needs images and noise with the same number of values per sample, got images [3, 4] and noise [2, 5]",
      into(images, samples(2, 5))));
  CHECK(refuses(name + "needs out [n, m] = [3, 3], got [3, 2]", into(images, samples(3, 4))));
  CHECK(refuses(name + "needs out [n, m] = [2, 2], got [3, 2]", into(samples(2, 4), noise)));
  for (const cost_function function : {cost_function::squared_l2, cost_function::cosine, cost_function::published}) {
    CHECK(refuses(name + "needs finite images, got NaN in row 2, value 1",
                  into(spoiled(images, 2, 1, nan_f), noise, function)));
    CHECK(refuses(name + "needs finite images, got infinity in row 0, value 3",
                  into(spoiled(images, 0, 3, -inf_f), noise, function)));
    CHECK(refuses(name + "needs finite noise, got infinity in row 1, value 0",
                  into(images, spoiled(noise, 1, 0, inf_f), function)));
    CHECK_THROWS_WITH(
        into(images, spoiled(noise, 1, 0, 1e30f), function)(),
        Catch::StartsWith(name + "needs samples whose squared distances fit the scalar type, got norms up to"));
  }
  CHECK(out.values == std::vector<float>(6, -7.0f));
  matrix<double> wide(1, 1);
  CHECK_THROWS_AS(
      pairwise_cost(spoiled(samples<double>(1, 1), 0, 0, 1e200), samples<double>(1, 1), cost_function::l2, wide.view()),
      std::invalid_argument);
  CHECK_NOTHROW(pairwise_cost(spoiled(samples<double>(1, 1), 0, 0, 1e150), samples<double>(1, 1), cost_function::l2,
                              wide.view()));
}

TEST_CASE("mean_distance names shapes and indices that do not fit") {
  const auto images = samples(3, 4);
  const std::string name = "immiscible::mean_distance: ";
  CHECK(refuses(name + "needs images and noise of the same shape, got [3, 4] and [2, 4]",
                [&] { mean_distance(images, samples(2, 4)); }));
  CHECK(refuses(name + "needs images and noise of the same shape, got [3, 4] and [3, 5]",
                [&] { mean_distance(images, samples(3, 5)); }));
  const std::string shapes = name + "needs images [n, d], noise [m, d] and n indices, got [3, 4], ";
  CHECK(refuses(shapes + "[9, 4] and 2 indices", [&] { mean_distance(images, samples(9, 4), {0, 1}); }));
  CHECK(refuses(shapes + "[9, 3] and 3 indices", [&] { mean_distance(images, samples(9, 3), {0, 1, 2}); }));
  const std::string index = name + "needs indices of the 9 noise rows, got ";
  CHECK(refuses(index + "9 for image 2", [&] { mean_distance(images, samples(9, 4), {0, 1, 9}); }));
  CHECK(refuses(index + "-1 for image 0", [&] { mean_distance(images, samples(9, 4), {-1, 1, 9}); }));
}

TEST_CASE("solvers name the cost that is no cost, wherever it stands") {
  for (const std::size_t n : {3u, 40u}) {  // the small and the large solver
    for (const std::size_t m : {n, n + 7}) {
      for (const std::size_t i : {std::size_t{0}, n - 1}) {
        for (const std::size_t j : {std::size_t{0}, std::size_t{2}, m - 1}) {
          const std::string at = " at row " + std::to_string(i) + ", column " + std::to_string(j);
          for (const float value : {nan_f, -inf_f}) {
            const auto cost = spoiled(samples<float>(n, m), i, j, value);
            const std::string what = "needs costs that are finite or +infinity, got " +
                                     std::string(value != value ? "NaN" : "-infinity") + at;
            CHECK(refuses("immiscible::jonker_volgenant: " + what, [&] { immiscible::jonker_volgenant(cost); }));
            CHECK(refuses("immiscible::jonker_volgenant: " + what,
                          [&] { immiscible::jonker_volgenant(cost, immiscible::warm_start::column_minima); }));
            CHECK(refuses("immiscible::auction: " + what, [&] { immiscible::auction(cost); }));
            CHECK(refuses("immiscible::greedy: " + what, [&] { immiscible::greedy(cost); }));
            CHECK(refuses("immiscible::greedy_by_row: " + what, [&] { immiscible::greedy_by_row(cost); }));
          }
        }
      }
    }
  }
}

TEST_CASE("solvers name the double whose sums would be none") {
  const double most = std::numeric_limits<double>::max();
  for (const double value : {most, -most, most / 16}) {
    const auto cost = spoiled(samples<double>(2, 3), 1, 2, value);
    const std::string what =
        "needs costs whose sum fits a double, got " + std::to_string(value) + " at row 1, column 2";
    CHECK(refuses("immiscible::greedy: " + what, [&] { immiscible::greedy(cost); }));
    CHECK(refuses("immiscible::greedy_by_row: " + what, [&] { immiscible::greedy_by_row(cost); }));
  }
  CHECK_NOTHROW(immiscible::greedy(spoiled(samples<double>(2, 3), 1, 2, most / 64)));
}

TEMPLATE_TEST_CASE("solvers need a noise for every image, and an index for every noise", "", float, double,
                   std::int16_t, std::int32_t) {
  const std::string few = "needs at least as many noises (columns) as images (rows), got [5, 4]";
  const matrix<TestType> narrow(5, 4);
  const immiscible::batch<TestType> endless(nullptr, 0, std::size_t{1} << 31);
  const std::string many = "needs at most 2^31 - 1 columns, got [0, 2147483648]";
  const auto both = [&](const std::string& name, const auto& solve) {
    CHECK(refuses("immiscible::" + name + ": " + few, [&] { solve(immiscible::batch<TestType>(narrow.view())); }));
    CHECK(refuses("immiscible::" + name + ": " + many, [&] { solve(endless); }));
  };
  both("jonker_volgenant", [](const auto& cost) { immiscible::jonker_volgenant(cost); });
  both("auction", [](const auto& cost) { immiscible::auction(cost); });
  both("greedy", [](const auto& cost) { immiscible::greedy(cost); });
  both("greedy_by_row", [](const auto& cost) { immiscible::greedy_by_row(cost); });
}

TEST_CASE("a solve that is refused leaves the answer of the one before") {
  immiscible::jonker_volgenant_workspace<float> workspace;
  immiscible::assignment answer;
  for (const std::size_t n : {4u, 40u}) {
    const auto cost = samples(n, n);
    immiscible::jonker_volgenant(immiscible::batch<float>(cost.view()), answer, workspace);
    const auto before = answer;
    const auto bad = spoiled(cost, 1, 1, nan_f);
    CHECK_THROWS_AS(immiscible::jonker_volgenant(immiscible::batch<float>(bad.view()), answer, workspace),
                    std::invalid_argument);
    CHECK(tests::are_identical(answer, before));
  }
}

TEST_CASE("nearest_noise names k, shapes and values that do not fit") {
  const auto images = samples(3, 4);
  const std::string name = "immiscible::nearest_noise: ";
  CHECK(refuses(name + "needs k >= 1 candidates per image, got 0", [&] { nearest_noise(images, samples(3, 4), 0); }));
  CHECK(refuses(name + "needs candidates [n k, d] with n = 3 and k = 2, got [5, 4]",
                [&] { nearest_noise(images, samples(5, 4), 2); }));
  const std::size_t huge = std::numeric_limits<std::size_t>::max() / 3 + 2;  // 3 huge wraps around to 5
  CHECK(refuses(name + "needs candidates [n k, d] with n = 3 and k = " + std::to_string(huge) + ", got [5, 4]",
                [&] { nearest_noise(images, samples(5, 4), huge); }));
  CHECK(refuses(
      name + "needs images and noise with the same number of values per sample, got images [3, 4] and noise [6, 5]",
      [&] { nearest_noise(images, samples(6, 5), 2); }));
  CHECK(refuses(name + "needs finite images, got NaN in row 1, value 2",
                [&] { nearest_noise(spoiled(images, 1, 2, nan_f), samples(6, 4), 2); }));
  CHECK(refuses(name + "needs finite candidates, got infinity in row 5, value 3",
                [&] { nearest_noise(images, spoiled(samples(6, 4), 5, 3, inf_f), 2); }));
  CHECK_THROWS_WITH(
      nearest_noise(images, spoiled(samples(6, 4), 5, 3, 7e4f), 2, cost_function::published),
      Catch::StartsWith(name + "needs candidates within the range of fp16") && Catch::EndsWith("in row 5"));
  CHECK_THROWS_WITH(nearest_noise(images, spoiled(samples(6, 4), 5, 3, 1e30f), 2),
                    Catch::StartsWith(name + "needs samples whose squared"));
}

TEST_CASE("assign names what does not fit, for every method, before any work; the answer stays as it was") {
  const auto images = samples(3, 4), noise = samples(3, 4);
  immiscible::assign_workspace<float> workspace;
  const immiscible::assignment before{{7, 8}, {1}, {2, 3}, 4, 5, immiscible::status::infeasible};
  immiscible::assignment answer = before;
  const auto with = [&](const matrix<float>& x, const matrix<float>& e, const assign_options& options) {
    return [&] {
      immiscible::assign(immiscible::batch<float>(x.view()), immiscible::batch<float>(e.view()), options, answer,
                         workspace);
    };
  };
  const std::string name = "immiscible::assign: ";
  for (const method how : all_methods) {
    INFO("method " << static_cast<int>(how));
    auto options = options_of(how);
    CHECK(refuses(
        name + "needs images and noise with the same number of values per sample, got images [3, 4] and noise [3, 5]",
        with(images, samples(3, 5), options)));
    CHECK(refuses(name + "needs finite images, got NaN in row 2, value 0",
                  with(spoiled(images, 2, 0, nan_f), noise, options)));
    CHECK(refuses(name + "needs finite noise, got infinity in row 1, value 3",
                  with(images, spoiled(noise, 1, 3, inf_f), options)));
    CHECK_THROWS_WITH(with(images, spoiled(noise, 1, 3, 1e30f), options)(),
                      Catch::StartsWith(name + "needs samples whose squared"));
    options.threads = 0;
    CHECK(refuses(name + "needs threads >= 1, got 0", with(images, noise, options)));
    options.threads = 1;
    options.cost = cost_function::published;
    CHECK_THROWS_WITH(
        with(images, spoiled(noise, 2, 1, 7e4f), options)(),
        Catch::StartsWith(name + "needs noise within the range of fp16 for cost_function::published, got 70000") &&
            Catch::EndsWith(" in row 2"));
    if (how != method::nearest) {
      CHECK(refuses(name + "needs at least as many noises as images, got images [3, 4] and noise [2, 4]",
                    with(images, samples(2, 4), options_of(how))));
    }
  }
  CHECK(refuses(name + "needs candidates >= 1 for method::nearest, got 0",
                with(images, noise, options_of(method::nearest, 0))));
  CHECK(refuses(name + "needs noise [n k, d] for method::nearest with n = 3 and k = 2, got [3, 4]",
                with(images, noise, options_of(method::nearest, 2))));
  auto auction = options_of(method::auction);
  auction.auction_tolerance = 0;
  CHECK(refuses(name + "needs auction_tolerance above 0, got 0.000000", with(images, noise, auction)));
  auction.auction_tolerance = tests::not_a_number<double>;
  CHECK(refuses(name + "needs auction_tolerance above 0, got nan", with(images, noise, auction)));
  CHECK(tests::are_identical(answer, before));
  const immiscible::batch<float> no_images(nullptr, 0, 0), endless(nullptr, std::size_t{1} << 31, 0);
  CHECK(refuses(name + "needs at most 2^31 - 1 noises, got [2147483648, 0]",
                [&] { immiscible::assign(no_images, endless); }));
}

}  // namespace bad_input_tests
