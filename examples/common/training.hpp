// The loop that all trainers share: clock, optimizer, moving average, curve, checkpoints.
//
//   training<small_unet> training(job, make_network<small_unet>(...), {.learning_rate = 1e-3});
//   while (training.begin_step()) {
//     ... training.network(), training.random() ...
//     training.end_step(loss);
//     if (training.is_evaluation_due()) training.record(quality of training.average());
//   }
//   return training.result();
#pragma once

#include "checkpoint.hpp"
#include "experiment.hpp"
#include "flow.hpp"
#include "networks.hpp"

#include <torch/optim/adam.h>
#include <torch/serialize.h>

#include <cmath>
#include <filesystem>
#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace examples {

struct training_settings {
  double learning_rate = 1e-3;
  double average_decay = 0.995;
  double smoke_loss = 0;  ///< a --smoke run fails unless the loss of its last steps is below this; 0: no bound
};

/// The file of a run's checkpoint: OUT/checkpoints/PAIRING-seed0.pt.
inline std::string checkpoint_file(const job& j) {
  std::string name = j.how.name;
  for (char& c : name) {
    if (c == ':' || c == '+') c = '-';
  }
  return j.options.out + "/checkpoints/" + name + "-seed" + std::to_string(j.seed) + ".pt";
}

/// Reads the judged weights of a run, its moving average, into a network of the same structure.
///
/// @return  the checkpoint's description: "program", "pairing", "seed", "step", "settings", ...
/// @throws std::runtime_error  no such file, damaged, or the weights of another structure.
template <class Network>
nlohmann::json read_average(const std::string& file, Network& network) {
  const checkpoint saved = checkpoint::read(file);
  torch::serialize::InputArchive archive = read_archive(saved.archive), average;
  archive.read("average", average);
  load_weights(average, network, file);
  return saved.description;
}

/// One run on its way. Goes on from its checkpoint where `--resume` says so; a resumed run ends with the bits of one that was
/// never interrupted, its times apart.
///
/// Everything random after the network's first weights must come from random(), whose state is kept in the checkpoint, or
/// depend on the step alone.
template <class Network>
class training {
 public:
  training(const job& j, std::shared_ptr<Network> network, const training_settings& settings)
      : job_(j),
        settings_(settings),
        network_(std::move(network)),
        average_(*network_, settings.average_decay),
        optimizer_(network_->parameters(), torch::optim::AdamOptions(settings.learning_rate)),
        random_(generator_of(j.key() + 1'000'000)),
        file_(checkpoint_file(j)) {
    if (j.options.resume && std::filesystem::exists(file_)) load();
  }

  /// Steps that are done.
  int step() const { return step_; }
  /// The network that is trained.
  Network& network() { return *network_; }
  /// The moving average of its weights: what is judged.
  Network& average() { return average_.network(); }
  /// Random numbers for the steps, the same for every pairing.
  at::Generator& random() { return random_; }

  /// Changes the rate from this step on; a trainer with a schedule sets it before every step.
  void set_learning_rate(double rate) {
    for (torch::optim::OptimizerParamGroup& group : optimizer_.param_groups()) group.options().set_lr(rate);
  }

  /// Starts the clock of the next step; false after the last.
  bool begin_step() {
    if (step_ == job_.options.steps) return false;
    clock_.start();
    whole_step_.start();
    return true;
  }

  /// Calls next() -> the batch with its noise, and counts how long the training waits for it.
  template <class Next>
  auto wait_for(Next next) {
    wait_.start();
    auto batch = next();
    wait_.stop();
    return batch;
  }

  /// Learns from the loss of the step and ends it.
  void end_step(const torch::Tensor& loss) {
    optimizer_.zero_grad();
    loss.backward();
    optimizer_.step();
    average_.update();
    clock_.stop();
    whole_step_.stop();
    ++step_;
    add_loss(loss.item<double>());
    job_.progress.advance();
  }

  bool is_evaluation_due() const { return is_evaluation_step(step_, job_.options.steps, job_.options.evaluations); }

  /// Adds a point to the curve and writes a checkpoint.
  void record(double quality) {
    result_.curve.push_back({step_, clock_.seconds(), job_.options.sampler_steps.front(), quality});
    save();
  }

  /// True where the run was read from a checkpoint that already has its finals: there is nothing left to judge.
  bool is_finished() const { return !result_.finals.empty(); }

  /// After the last step.
  ///
  /// @param qualities  at every number of sampler steps, in the order of the options.
  /// @param samples    for the pictures.
  void finish(const std::vector<double>& qualities, std::vector<named_value> others, const torch::Tensor& samples) {
    for (std::size_t i = 0; i < qualities.size(); ++i) {
      result_.finals.push_back({step_, clock_.seconds(), job_.options.sampler_steps[i], qualities[i]});
    }
    result_.others = std::move(others);
    const torch::Tensor values = samples.contiguous();
    result_.samples.assign(values.const_data_ptr<float>(), values.const_data_ptr<float>() + values.numel());
    save();
  }

  /// The run.
  ///
  /// @throws std::runtime_error  a smoke run whose loss did not fall below its bound.
  run result() const {
    if (job_.options.smoke && settings_.smoke_loss > 0 && !(result_.loss < settings_.smoke_loss)) {
      throw std::runtime_error("needs a loss below " + std::to_string(settings_.smoke_loss) + " after " +
                               std::to_string(step_) + " steps, got " + std::to_string(result_.loss));
    }
    return result_;
  }

 private:
  void add_loss(double loss) {
    const int first = job_.options.steps - std::max(1, job_.options.steps / 10);  // the last tenth counts
    if (step_ > first) result_.loss += (loss - result_.loss) / (step_ - first);
    if (!std::isfinite(loss)) {
      throw std::runtime_error("needs a finite loss, got " + std::to_string(loss) + " at step " +
                               std::to_string(step_));
    }
  }

  nlohmann::json description() const {
    nlohmann::json text = {{"program", job_.options.program},
                           {"pairing", job_.how.name},
                           {"seed", job_.seed},
                           {"step", step_},
                           {"seconds", clock_.seconds()},
                           {"loss", result_.loss},
                           {"settings", job_.options.settings}};
    const auto list = [](const std::vector<measurement>& measurements) {
      nlohmann::json items = nlohmann::json::array();
      for (const measurement& m : measurements) items.push_back({m.step, m.seconds, m.sampler_steps, m.quality});
      return items;
    };
    text["curve"] = list(result_.curve);
    text["finals"] = list(result_.finals);
    text["others"] = nlohmann::json::array();
    for (const named_value& other : result_.others) text["others"].push_back({other.name, other.value});
    text["wait"] = wait_.seconds();
    text["whole_step"] = whole_step_.seconds();
    return text;
  }

  void save() {
    result_.noise_share = wait_.seconds() / whole_step_.seconds();
    torch::serialize::OutputArchive archive, network, average, optimizer;
    network_->save(network);
    average_.network().save(average);
    optimizer_.save(optimizer);
    archive.write("network", network);
    archive.write("average", average);
    archive.write("optimizer", optimizer);
    archive.write("average_updates", torch::tensor(average_.updates()));
    archive.write("random", random_.get_state());
    archive.write("samples", torch::tensor(result_.samples));
    std::filesystem::create_directories(std::filesystem::path(file_).parent_path());
    checkpoint{description(), archive_bytes(archive)}.write(file_);
  }

  void load() {
    const checkpoint saved = checkpoint::read(file_);
    check_made_with("--resume", file_, saved.description, job_.options.program, job_.options.settings);
    torch::serialize::InputArchive archive = read_archive(saved.archive), network, average, optimizer;
    archive.read("network", network);
    archive.read("average", average);
    archive.read("optimizer", optimizer);
    load_weights(network, *network_, file_);
    load_weights(average, average_.network(), file_);
    optimizer_.load(optimizer);
    torch::Tensor updates, state, samples;
    archive.read("average_updates", updates);
    archive.read("random", state);
    archive.read("samples", samples);
    average_.set_updates(updates.item<std::int64_t>());
    random_.set_state(state);
    result_.samples.assign(samples.data_ptr<float>(), samples.data_ptr<float>() + samples.numel());

    const nlohmann::json& text = saved.description;
    const auto read_list = [](const nlohmann::json& items, std::vector<measurement>& to) {
      for (const auto& m : items) to.push_back({m.at(0), m.at(1), m.at(2), m.at(3)});
    };
    step_ = text.at("step");
    result_.loss = text.at("loss");
    read_list(text.at("curve"), result_.curve);
    read_list(text.at("finals"), result_.finals);
    for (const auto& other : text.at("others")) result_.others.push_back({other.at(0), other.at(1)});
    clock_ = stopwatch(text.at("seconds"));
    wait_ = wall_clock(text.at("wait"));
    whole_step_ = wall_clock(text.at("whole_step"));
    result_.noise_share = wait_.seconds() / whole_step_.seconds();
    job_.progress.leave_out(step_);
  }

  job job_;
  training_settings settings_;
  std::shared_ptr<Network> network_;
  moving_average<Network> average_;
  torch::optim::Adam optimizer_;
  at::Generator random_;
  std::string file_;
  int step_ = 0;
  run result_;
  stopwatch clock_;
  wall_clock whole_step_, wait_;
};

}  // namespace examples
