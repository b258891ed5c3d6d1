// What the trainers share, where it could make their comparisons unfair: networks made in several threads at once.
#include "../examples/common/networks.hpp"

#include <catch2/catch.hpp>

#include <thread>
#include <vector>

using examples::make_network;
using examples::moving_average;
using examples::residual_mlp;

TEST_CASE("first weights depend on the seed alone, whatever other threads make and copy meanwhile") {
  constexpr std::uint64_t seeds = 100;
  const auto first_weights = [](std::uint64_t seed) {
    const auto network = make_network<residual_mlp>(seed, 16, 4, 32, 2);
    const moving_average<residual_mlp> average(*network, 0.9);  // copies the network
    return network->parameters();
  };
  std::vector<std::vector<at::Tensor>> expected;
  for (std::uint64_t seed = 0; seed < seeds; ++seed) expected.push_back(first_weights(seed));

  std::vector<std::vector<at::Tensor>> made(seeds);
  std::vector<std::thread> threads;
  for (std::uint64_t thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&, thread] {
      for (std::uint64_t seed = thread; seed < seeds; seed += 4) made[seed] = first_weights(seed);
    });
  }
  for (std::thread& thread : threads) thread.join();

  for (std::uint64_t seed = 0; seed < seeds; ++seed) {
    REQUIRE(made[seed].size() == expected[seed].size());
    for (std::size_t i = 0; i < made[seed].size(); ++i) CHECK(made[seed][i].equal(expected[seed][i]));
  }
  CHECK_FALSE(expected[0][0].equal(expected[1][0]));
}

TEST_CASE("the moving average starts at the network's own weights") {
  const auto network = make_network<residual_mlp>(1, 16, 4, 32, 2);
  moving_average<residual_mlp> average(*network, 0.9);
  const auto copied = average.network().parameters(), own = network->parameters();
  REQUIRE(copied.size() == own.size());
  for (std::size_t i = 0; i < own.size(); ++i) CHECK(copied[i].equal(own[i]));
}
