// The mathematics of the trainers on pictures: noise schedules, samplers, consistency, guidance, editing, latents.
#include "../examples/common/consistency.hpp"
#include "../examples/common/diffusion.hpp"
#include "../examples/common/flow.hpp"
#include "../examples/common/latent_model.hpp"
#include "../examples/common/masked_sampling.hpp"

#include "support/temporary_folder.hpp"

#include <catch2/catch.hpp>

#include <cmath>
#include <string>
#include <vector>

namespace generators_tests {

namespace {

using namespace examples;

using Catch::Matchers::Contains;

at::Tensor normal(const std::vector<std::int64_t>& shape, std::uint64_t seed) {
  at::Generator random = generator_of(seed);
  return torch::randn(shape, random);
}

double greatest_difference(const at::Tensor& a, const at::Tensor& b) { return (a - b).abs().max().item<double>(); }

}  // namespace

TEST_CASE("at every timestep the squares of signal and noise add up to 1, and the noise grows") {
  for (const schedule_kind kind : {schedule_kind::linear, schedule_kind::cosine}) {
    const diffusion_schedule schedule(kind);
    CHECK(schedule.level(0).signal == 1);
    CHECK(schedule.level(0).noise == 0);
    for (int t = 1; t <= diffusion_schedule::timesteps; ++t) {
      const noise_level level = schedule.level(t), before = schedule.level(t - 1);
      REQUIRE(level.signal * level.signal + level.noise * level.noise == Approx(1));
      REQUIRE(level.signal < before.signal);
      REQUIRE(level.signal > 0);
    }
    CHECK(schedule.level(diffusion_schedule::timesteps).signal < 0.01);
    const std::vector<noise_level> levels = schedule.levels(7);
    REQUIRE(levels.size() == 8);
    CHECK(levels.front().time == 1);
    CHECK(levels.back().noise == 0);
  }
  // Known values: the middle of the cosine schedule, and the linear one's end [Ho et al.: 4e-5 for the square].
  CHECK(diffusion_schedule(schedule_kind::cosine).level(500).signal ==
        Approx(std::cos(0.508 / 1.008 * M_PI_2)).epsilon(1e-3));
  const double end = diffusion_schedule(schedule_kind::linear).level(1000).signal;
  CHECK(end * end == Approx(4.04e-5).epsilon(0.01));
}

TEST_CASE("a network that is right about the noise or the velocity shows the picture") {
  const diffusion_schedule schedule(schedule_kind::cosine);
  const at::Tensor images = normal({5, 1, 4, 4}, 1), noise = normal({5, 1, 4, 4}, 2);
  const at::Tensor t = torch::tensor({1, 200, 500, 800, 950}, torch::kLong);
  const at::Tensor signal = schedule.signals(t, 4), share = schedule.noises(t, 4);
  const at::Tensor x = signal * images + share * noise;
  for (const prediction_kind prediction : {prediction_kind::epsilon, prediction_kind::velocity}) {
    const at::Tensor target = target_of(prediction, images, noise, signal, share);
    for (int i = 0; i < 5; ++i) {
      const noise_level level = schedule.level(t[i].item<int>());
      CHECK(greatest_difference(predicted_images(prediction, target[i], x[i], level), images[i]) < 1e-4);
    }
  }
}

TEST_CASE("a sampler that always sees the same pictures ends at them, and shows them at every step") {
  const at::Tensor images = normal({3, 1, 4, 4}, 3), start = normal({3, 1, 4, 4}, 4);
  const auto right = [&](const at::Tensor&, const noise_level&) { return images; };
  const consistency_settings consistency;
  for (const std::vector<noise_level>& levels :
       {diffusion_schedule(schedule_kind::linear).levels(5), diffusion_schedule(schedule_kind::cosine).levels(20),
        flow_levels(4), consistency.levels(1), consistency.levels(3)}) {
    std::size_t seen = 0;
    const at::Tensor end =
        follow_levels(levels.front().noise * start, levels, right, [&](const at::Tensor&) { ++seen; });
    CHECK(greatest_difference(end, images) == 0);
    CHECK(seen == levels.size() - 1);
  }
}

TEST_CASE("every sampler begins in noise, ends at the picture, and has less noise at each step") {
  const consistency_settings consistency;
  for (const std::vector<noise_level>& levels :
       {diffusion_schedule(schedule_kind::linear).levels(50), diffusion_schedule(schedule_kind::cosine).levels(50),
        flow_levels(10), consistency.levels(1), consistency.levels(2), consistency.levels(4)}) {
    CHECK(levels.front().noise > 50 * levels.front().signal);
    CHECK(levels.back().signal == 1);
    CHECK(levels.back().noise == 0);
    for (std::size_t i = 1; i < levels.size(); ++i) {
      REQUIRE(levels[i].noise * levels[i - 1].signal < levels[i - 1].noise * levels[i].signal);
    }
  }
}

TEST_CASE("the second step of a consistency model has the noise that the first picture was seen in") {
  const at::Tensor image = normal({3, 1, 4, 4}, 14), noise = normal({3, 1, 4, 4}, 15);
  const std::vector<noise_level> levels = consistency_settings().levels(2);
  std::vector<at::Tensor> met;
  follow_levels(image + levels[0].noise * noise, levels, [&](const at::Tensor& x, const noise_level&) {
    met.push_back(x);
    return image;
  });
  REQUIRE(met.size() == 2);
  CHECK(levels[1].noise == Approx(consistency_settings().second_sigma));
  consistency_settings scaled;
  scaled.data_deviation = 2;
  CHECK(scaled.levels(2)[1].noise == Approx(2 * levels[1].noise));
  CHECK(greatest_difference(met[1], image + levels[1].noise * noise) < 1e-4);
}

TEST_CASE("the levels of a flow are Euler's method") {
  const at::Tensor start = normal({3, 2}, 5);
  const auto velocity = [](const at::Tensor& x, const at::Tensor& t) { return x.sin() + t.unsqueeze(1); };
  const auto predict = [&](const at::Tensor& x, const noise_level& level) {
    return x + level.noise * velocity(x, torch::full({x.size(0)}, level.time));
  };
  CHECK(greatest_difference(follow_levels(start, flow_levels(6), predict), euler_sample(start, 6, velocity)) < 1e-5);
}

TEST_CASE("a consistency model returns what has the least noise, whatever its network says") {
  struct loud_network {
    at::Tensor forward(const at::Tensor& x, const at::Tensor& t) {
      CHECK(t.min().item<double>() > -1e-6);
      CHECK(t.max().item<double>() < 1 + 1e-6);
      return 100 + 0 * x;
    }
  } network;
  consistency_settings settings;
  settings.data_deviation = 2;
  const at::Tensor x = normal({2, 1, 4, 4}, 6);
  CHECK(greatest_difference(consistent_images(network, settings, x, torch::full({2}, settings.least_sigma)), x) < 1e-4);
  // At the greatest sigma next to nothing of x is left: the network's answer, times the deviation of the pictures.
  const at::Tensor far = consistent_images(network, settings, 80 * x, torch::full({2}, settings.greatest_sigma));
  CHECK(greatest_difference(far, torch::full_like(far, 200)) < 1);
}

TEST_CASE("the levels of consistency training grow from least to greatest and their number doubles on the way") {
  consistency_settings settings;
  settings.first_levels = 10;
  settings.last_levels = 80;
  const std::vector<double> sigmas = settings.sigmas(11);
  REQUIRE(sigmas.size() == 11);
  CHECK(sigmas.front() == Approx(settings.least_sigma));
  CHECK(sigmas.back() == Approx(settings.greatest_sigma));
  for (std::size_t i = 1; i < sigmas.size(); ++i) CHECK(sigmas[i] > sigmas[i - 1]);
  const at::Tensor weights = consistency_settings::pair_weights(sigmas, 1);
  CHECK(weights.numel() == 10);
  CHECK(weights.min().item<double>() > 0);
  std::vector<int> counts;
  for (const int step : {0, 249, 250, 500, 750, 999}) counts.push_back(settings.level_count(step, 1000));
  CHECK(counts == std::vector<int>{11, 11, 21, 41, 81, 81});
}

TEST_CASE("the networks on latents keep shapes, at sizes even and odd, and listen to the class") {
  for (const std::int64_t size : {28, 32}) {
    const std::int64_t channels = size == 28 ? 1 : 3;
    const auto coder = make_network<autoencoder>(1, channels);
    const at::Tensor latents = encoded(*coder, normal({2, channels, size, size}, 7));
    CHECK(latents.sizes() == at::IntArrayRef({2, 4, size / 4, size / 4}));
    CHECK(decoded(*coder, latents).sizes() == at::IntArrayRef({2, channels, size, size}));
    const auto network = make_network<latent_unet>(1, latent_unet_settings{4, 3, 16});
    const at::Tensor t = torch::full({2}, 0.5), first = torch::zeros({2}, torch::kLong), second = first + 1;
    const torch::NoGradGuard no_gradients;
    const at::Tensor velocity = network->forward(latents, t, first);
    CHECK(velocity.sizes() == latents.sizes());
    CHECK(greatest_difference(velocity, network->forward(latents, t, second)) > 1e-4);
  }
}

TEST_CASE("guidance of 1 is the class's own velocity, of 0 that without a class, of 2 twice as far") {
  const auto network = make_network<latent_unet>(1, latent_unet_settings{4, 3, 16});
  const at::Tensor x = normal({2, 4, 7, 7}, 8), t = torch::full({2}, 0.3), labels = torch::ones({2}, torch::kLong);
  const torch::NoGradGuard no_gradients;
  const at::Tensor own = network->forward(x, t, labels);
  const at::Tensor without = network->forward(x, t, torch::full_like(labels, network->no_class()));
  CHECK(greatest_difference(guided_velocity(*network, 1, x, t, labels), own) == 0);
  CHECK(greatest_difference(guided_velocity(*network, 0, x, t, labels), without) == 0);
  CHECK(greatest_difference(guided_velocity(*network, 2, x, t, labels), 2 * own - without) < 1e-5);
}

TEST_CASE("editing keeps what is known, and samples freely where nothing is") {
  const at::Tensor pictures = normal({3, 1, 8, 8}, 9), start = normal({3, 1, 8, 8}, 10);
  const auto velocity = [](const at::Tensor& x, const at::Tensor&) { return x.flip(3) - x; };
  for (const at::Tensor& known : {all_but_middle(8), middle_only(8)}) {
    const at::Tensor edited = masked_euler_sample(start, pictures, known, 5, velocity);
    CHECK(greatest_difference(edited * known, pictures * known) == 0);
    CHECK(greatest_difference(edited * (1 - known), pictures * (1 - known)) > 0.1);
  }
  CHECK(all_but_middle(8).sum().item<int>() == 64 - 16);
  CHECK(middle_only(8).sum().item<int>() == 16);
  const at::Tensor free = masked_euler_sample(start, pictures, torch::zeros({1, 1, 8, 8}), 5, velocity);
  CHECK(greatest_difference(free, euler_sample(start, 5, velocity)) == 0);
}

TEST_CASE("the nearest start is the nearest on the known pixels, of as many as asked for") {
  const at::Tensor pictures = normal({4, 1, 8, 8}, 11), known = middle_only(8);
  const auto distance = [&](const at::Tensor& noise) { return ((noise - pictures) * known).square().sum({1, 2, 3}); };
  const at::Tensor all = start_noise({4 * 5, 1, 8, 8}, 1);
  const at::Tensor nearest = nearest_start(pictures, known, 5, 1);
  for (int candidate = 0; candidate < 5; ++candidate) {
    const at::Tensor other = all.index_select(0, 5 * torch::arange(4) + candidate);
    CHECK(distance(nearest).le(distance(other) + 1e-4).all().item<bool>());
  }
}

TEST_CASE("a user's latents are read with their labels, and refused where they make no sense") {
  const temporary_folder folder;
  const std::string file = folder.file("latents.npy"), labels = folder.file("labels.npy");
  const at::Tensor latents = normal({20, 2, 3, 3}, 12);
  const auto save = [&](const std::vector<std::size_t>& shape) {
    npy::save(file, shape, std::vector<float>(latents.data_ptr<float>(), latents.data_ptr<float>() + latents.numel()));
  };
  save({20, 2, 3, 3});
  npy::save(labels, {20}, std::vector<std::int32_t>(20, 7));
  CHECK(read_latents(file, "").latents.equal(latents));
  CHECK(read_latents(file, labels).labels.eq(7).all().item<bool>());
  CHECK(of_classes(read_latents(file, labels), {7}).latents.size(0) == 20);
  CHECK(of_classes(read_latents(file, labels), {6}).latents.size(0) == 0);

  npy::save(labels, {19}, std::vector<std::int32_t>(19, 7));
  CHECK_THROWS_WITH(read_latents(file, labels), Contains("needs 20 whole numbers in " + labels));
  npy::save(labels, {20}, std::vector<std::int32_t>(20, -1));
  CHECK_THROWS_WITH(read_latents(file, labels), Contains("needs labels from 0"));
  npy::save(labels, {20}, std::vector<float>(20, 1));
  CHECK_THROWS_WITH(read_latents(file, labels), Contains("whole numbers"));
  save({20, 18});
  CHECK_THROWS_WITH(read_latents(file, ""), Contains("needs latents (N, c, h, w)") && Contains("(20, 18)"));
  save({10, 4, 3, 3});
  CHECK_THROWS_WITH(read_latents(file, ""), Contains("20 and more"));
  npy::save(file, {20, 1, 1, 1}, std::vector<float>(20, NAN));
  CHECK_THROWS_WITH(read_latents(file, ""), Contains("needs finite latents"));
  CHECK_THROWS_WITH(read_latents(folder.file("none.npy"), ""), Contains("no such file"));
}

TEST_CASE("samples have each label as often as the real pictures, six in a row alike; equal ones take turns") {
  const at::Tensor equal = torch::tensor({3, 0, 1, 1, 0, 3}, torch::kLong);
  const at::Tensor turns = sample_labels(equal, 4 * shown_side);
  CHECK(turns.view({4, shown_side}).eq(torch::tensor({{0}, {1}, {3}, {0}})).all().item<bool>());

  const at::Tensor unequal = torch::tensor({2, 2, 2, 2, 2, 2, 2, 5, 5, 0}, torch::kLong);
  const at::Tensor labels = sample_labels(unequal, 100 * shown_side + 1);  // the last row is begun
  const at::Tensor whole_rows = labels.narrow(0, 0, 100 * shown_side);
  CHECK(whole_rows.bincount().equal(torch::tensor({10, 0, 70, 0, 0, 20}, torch::kLong) * shown_side));
  CHECK(labels.narrow(0, 0, 7).equal(sample_labels(unequal, 7)));  // what comes later changes nothing
  CHECK(class_list("5,7") == std::vector<int>{5, 7});
  CHECK(class_list("").empty());
}

TEST_CASE("latents come back from the scale that networks train on") {
  const at::Tensor latents = 3 * normal({50, 4, 7, 7}, 13) + torch::arange(4).view({1, 4, 1, 1});
  const latent_scale scale(latents);
  const at::Tensor scaled = scale.scaled(latents);
  CHECK(scaled.mean({0, 2, 3}).abs().max().item<double>() < 1e-5);
  CHECK(scaled.square().mean().item<double>() == Approx(1).epsilon(1e-4));
  CHECK(greatest_difference(scale.unscaled(scaled), latents) < 1e-4);
}

}  // namespace generators_tests
