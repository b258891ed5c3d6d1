// What the trainers share, where it could make their comparisons unfair or lose what they did: networks made in several
// threads at once, names of pairings, checkpoints, trainings that go on.
#include "../examples/common/matched_samples.hpp"
#include "../examples/common/networks.hpp"
#include "../examples/common/options.hpp"
#include "../examples/common/training.hpp"

#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <torch/nn/functional/loss.h>

#include <string>
#include <thread>
#include <vector>

namespace trainers_tests {

namespace {

using namespace examples;

using Catch::Matchers::Contains;

/// 40 samples of 6 values, in four classes.
struct small_data {
  at::Tensor samples, labels;
  small_data() {
    at::Generator random = generator_of(5);
    samples = torch::randn({40, 6}, random);
    labels = torch::arange(40) % 4;
  }
};

trainer_options small_options(const std::string& out = "") {
  trainer_options options;
  options.program = "test";
  options.steps = 12;
  options.batch = 4;
  options.evaluations = 3;
  options.sampler_steps = {4, 2};
  options.out = out;
  options.settings = {{"--batch", "4"}};
  return options;
}

/// A training of 12 steps that ends after `last` of them as if it were killed; its first weights depend on the seed.
struct interrupted : std::exception {};
run train(const trainer_options& options, const std::string& pairing, int last = 1000) {
  const small_data data;
  progress_bar progress("test", options.steps, "steps");
  const job j{options, read_pairing(pairing, options), 3, progress};
  training<residual_mlp> training(j, make_network<residual_mlp>(j.key(), 6, 0, 16, 2), {});
  matched_samples batches(j, data.samples, data.labels, training.step());
  while (training.begin_step()) {
    if (training.step() == last) throw interrupted();
    const matched_batch batch = batches.next();
    const at::Tensor t = draw_times(batch.samples.size(0), training.random());
    const at::Tensor velocity = training.network().forward(point_on_line(batch.noise, batch.samples, t), t);
    training.end_step(torch::nn::functional::mse_loss(velocity, batch.samples - batch.noise));
    if (training.is_evaluation_due()) {
      training.record(training.average().forward(data.samples, torch::zeros({40})).square().sum().item<double>());
    }
  }
  if (!training.is_finished()) training.finish({1, 2}, {{"recall", 0.5}}, torch::ones({3}));
  return training.result();
}

}  // namespace

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

TEST_CASE("a pairing's name says method, number and what it departs in") {
  trainer_options options = small_options();
  options.window = 256;
  options.candidates = 5;
  using immiscible::method;
  const pairing none = read_pairing("none", options), exact = read_pairing("exact:1024", options);
  CHECK(none.assign.method == method::none);
  CHECK(none.window == 0);
  CHECK(exact.assign.method == method::exact);
  CHECK(exact.window == 1024);
  CHECK(read_pairing("greedy", options).window == 256);
  CHECK(read_pairing("nearest", options).assign.candidates == 5);
  const pairing nearest = read_pairing("drawn_nearest:16", options);
  CHECK(nearest.assign.method == method::drawn_nearest);
  CHECK(nearest.assign.candidates == 16);
  CHECK(read_pairing("scale", options).image_scale == 2);
  CHECK(read_pairing("scale:1.5", options).image_scale == 1.5);
  CHECK(read_pairing("exact+late", options).warm_up == 0.25);

  options.has_classes = true;
  CHECK(read_pairing("exact", options).within_classes);
  const pairing across = read_pairing("exact:64+late+across", options);
  CHECK_FALSE(across.within_classes);
  CHECK(across.window == 64);
  CHECK(across.warm_up == 0.25);
  CHECK(across.name == "exact:64+late+across");

  options.has_conditions = true;
  const pairing by_conditions = read_pairing("exact+conditions", options);
  CHECK(by_conditions.by_conditions);
  CHECK(by_conditions.assign.method == method::none);
}

TEST_CASE("a pairing that makes no sense is refused by its name") {
  const trainer_options options = small_options();
  for (const std::string name : {"exakt", "", "exact:", "exact:x", "exact:12x", "none:4", "nearest:0", "scale:0",
                                 "exact:1e9", "exact+across", "exact+conditions", "greedy+conditions", "+late",
                                 "none+late", "scale+late", "drawn_nearest:8.5", "exact:12.5"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(read_pairing(name, options), Contains("--pairing: needs") && Contains("got " + name));
  }
  trainer_options with_classes = options;
  with_classes.has_classes = true;
  for (const std::string name : {"none+across", "drawn_nearest:8+across", "scale+across"}) {
    CAPTURE(name);
    CHECK_THROWS_WITH(read_pairing(name, with_classes), Contains("before +across, got " + name));
  }
}

TEST_CASE("a checkpoint comes back whole") {
  const temporary_folder folder;
  const std::string file = folder.file("a.pt");
  const checkpoint written{{{"program", "x"}, {"step", 7}}, std::string("\0\n\xff bytes", 9)};
  written.write(file);
  const checkpoint read = checkpoint::read(file);
  CHECK(read.description == written.description);
  CHECK(read.archive == written.archive);
  checkpoint{{{"step", 8}}, "other"}.write(file);  // over the old one
  CHECK(checkpoint::read(file).archive == "other");
}

TEST_CASE("a path that is no UTF-8 loses no checkpoint") {
  const temporary_folder folder;
  const std::string file = folder.file("a.pt");
  checkpoint{{{"--data-dir", "/caf\xe9"}}, "the weights"}.write(file);
  CHECK(checkpoint::read(file).description.at("--data-dir") == "/caf\xef\xbf\xbd");  // the replacement character
}

TEST_CASE("a network that was kept comes back; a damaged file and another network are refused by the file's name") {
  const temporary_folder folder;
  const std::string file = folder.file("a.pt");
  const auto kept = make_network<residual_mlp>(1, 6, 0, 16, 2), read = make_network<residual_mlp>(2, 6, 0, 16, 2);
  keep_network(*kept, file);
  read_kept_network(*read, file);
  for (std::size_t i = 0; i < kept->parameters().size(); ++i) {
    CHECK(read->parameters()[i].equal(kept->parameters()[i]));
  }
  residual_mlp other(6, 0, 32, 2);
  CHECK_THROWS_WITH(read_kept_network(other, file), Contains("needs the weights of this network") && Contains(file));
  folder.write("a.pt", folder.read("a.pt").substr(0, 1000));
  CHECK_THROWS_WITH(read_kept_network(*read, file), Contains("ends too soon: delete it") && Contains(file));
}

TEST_CASE("a checkpoint with any byte changed, cut off or added is refused, with its file's name") {
  const temporary_folder folder;
  const std::string file = folder.file("a.pt"), damaged = folder.file("b.pt");
  checkpoint{{{"program", "x"}, {"step", 7}}, "the weights"}.write(file);
  const std::string whole = folder.read("a.pt");
  const auto is_refused = [&](const std::string& bytes) {
    folder.write("b.pt", bytes);
    CHECK_THROWS_WITH(checkpoint::read(damaged), Contains("needs a whole checkpoint") && Contains(damaged));
  };
  for (std::size_t i = 0; i < whole.size(); ++i) {
    CAPTURE(i);
    std::string changed = whole;
    changed[i] = static_cast<char>(changed[i] ^ 1);
    is_refused(changed);
  }
  for (std::size_t size = 1; size < whole.size(); ++size) is_refused(whole.substr(0, size));
  is_refused(whole + "x");
  CHECK_THROWS_WITH(checkpoint::read(folder.file("none.pt")), Contains("cannot read"));
}

TEST_CASE("a training that was killed goes on to the very numbers of one that was not") {
  const std::string pairing = GENERATE("none", "exact", "exact:10", "exact:16+late", "exact:50");
  const int batch = GENERATE(0, 64);  // 0: as below; 64: more than there are samples
  const temporary_folder folder;
  trainer_options options = small_options(folder.file("whole"));
  if (batch > 0) options.batch = batch;
  const run whole = train(options, pairing);
  options.out = folder.file("parts");
  CHECK_THROWS_AS(train(options, pairing, 6), interrupted);
  options.resume = true;
  CHECK_THROWS_AS(train(options, pairing, 9), interrupted);
  const run parts = train(options, pairing), again = train(options, pairing, 0);  // nothing left to do

  for (const run& other : {parts, again}) {
    REQUIRE(other.curve.size() == whole.curve.size());
    for (std::size_t i = 0; i < whole.curve.size(); ++i) {
      CHECK(other.curve[i].step == whole.curve[i].step);
      CHECK(other.curve[i].quality == whole.curve[i].quality);
    }
    CHECK(other.loss == whole.loss);
    CHECK(other.finals.size() == 2);
    CHECK(other.others.at(0).name == "recall");
    CHECK(other.samples == whole.samples);
  }
}

TEST_CASE("noise moves within classes only, unless the pairing says otherwise") {
  trainer_options options = small_options();
  options.has_classes = true;
  options.batch = 40;  // all samples
  const small_data data;
  progress_bar progress("test", 1, "steps");
  const auto noise_of = [&](const std::string& pairing) {
    matched_samples batches({options, read_pairing(pairing, options), 3, progress}, data.samples, data.labels, 0);
    const matched_batch batch = batches.next();
    return std::pair(batch.noise.clone(), batch.conditions);
  };
  const auto [plain, labels] = noise_of("none");
  const auto class_of_noise = [&, plain = plain, labels = labels](const at::Tensor& row) {
    return labels[plain.eq(row).all(1).nonzero().item<std::int64_t>()].item<std::int64_t>();
  };
  for (const std::string pairing : {"exact", "exact+across"}) {
    const at::Tensor noise = noise_of(pairing).first;
    int moved = 0, foreign = 0;
    for (int i = 0; i < 40; ++i) {
      moved += !noise[i].equal(plain[i]);
      foreign += class_of_noise(noise[i]) != labels[i].item<std::int64_t>();
    }
    CAPTURE(pairing);
    CHECK(moved > 20);
    CHECK((foreign > 0) == (pairing == "exact+across"));
  }
}

TEST_CASE("a checkpoint of other options, or of another network, is refused") {
  const temporary_folder folder;
  trainer_options options = small_options(folder.path());
  train(options, "none");
  options.resume = true;
  options.settings["--batch"] = "8";
  CHECK_THROWS_WITH(train(options, "none"), Contains("--resume: needs the options") && Contains("--batch 4, got 8"));
  const std::string file = folder.file("checkpoints/none-seed3.pt");
  residual_mlp same(6, 0, 16, 2), other(6, 0, 32, 2);
  CHECK(read_average(file, same).at("pairing") == "none");
  CHECK_THROWS_WITH(read_average(file, other), Contains("needs the weights of this network") && Contains(file));
}

TEST_CASE("a resumed run may name the steps and the batch that it had by default, and no others") {
  const temporary_folder folder;
  trainer_options options = small_options(folder.path());
  options.steps = options.batch = 0;
  options.settings = {{"--steps", "0"}, {"--batch", "0"}};
  trainer_options named = options, other = options;
  complete(options, 12, 4);
  train(options, "none");
  named.resume = other.resume = true;
  named.steps = 12;
  named.batch = 4;
  complete(named, 3, 9);
  CHECK(train(named, "none").finals.size() == 2);
  complete(other, 15, 4);  // as if the program's default had changed
  CHECK_THROWS_WITH(train(other, "none"), Contains("--steps 12, got 15"));
}

TEST_CASE("what another program or other options made is refused, in the settings that matter") {
  const nlohmann::json text = {{"program", "flow_matching"}, {"settings", {{"--size", "14"}, {"--smoke", ""}}}};
  const std::map<std::string, std::string> same = {{"--size", "14"}, {"--smoke", "true"}, {"--new", "1"}};
  const auto check = [&](const std::string& program, const std::vector<std::string>& names) {
    check_made_with("--models", "a.pt", text, program, same, names);
  };
  CHECK_NOTHROW(check("flow_matching", {"--size"}));
  CHECK_THROWS_WITH(check("ddim", {"--size"}),
                    "--models: needs the options that a.pt was made with, program "
                    "flow_matching, got ddim");
  CHECK_THROWS_WITH(check("flow_matching", {"--smoke"}), Contains("--smoke nothing, got true"));
  CHECK_THROWS_WITH(check("flow_matching", {"--new"}), Contains("--new missing, got 1"));
  CHECK_THROWS_WITH(check("flow_matching", {}), Contains("--new missing"));
  CHECK_THROWS_WITH(check_made_with("--from", "judge.network", nlohmann::json::object(), "flow_matching", same),
                    "--from: needs a trainer's checkpoint, got the network in judge.network");
}

}  // namespace trainers_tests
