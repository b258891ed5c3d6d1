// Edits pictures with generators that were trained with and without pairing of the noise: in-painting and out-painting.
//
// A generator by flow matching (as flow_matching trains it) fills in the middle of held-out pictures, or all but the middle; what
// is known is put back at every step of the sampler. Judged by the Frechet distance of the edited pictures and by the error of the
// hidden pixels. --models FOLDER takes the models that flow_matching left there instead of training new ones.
#include "common/flow_pictures.hpp"
#include "common/image_studio.hpp"
#include "common/masked_sampling.hpp"
#include "common/options.hpp"
#include "common/report.hpp"
#include "common/sampling.hpp"
#include "common/training.hpp"

#include <ATen/Parallel.h>
#include <torch/types.h>

#include <CLI/CLI.hpp>

namespace {

using namespace examples;
using torch::Tensor;

constexpr double smoke_loss = 1.5;       // mean squared error that a smoke run must reach
constexpr std::int64_t candidates = 16;  // of "nearest start"

/// The pictures that are edited, the same for all runs.
struct edit_task {
  const image_studio& s;
  Tensor originals;          // (N, C, S, S) in [0, 1], none of them trained on
  Tensor inpaint, outpaint;  // masks (1, 1, S, S), 1 where known

  explicit edit_task(const image_studio& studio)
      : s(studio), inpaint(all_but_middle(studio.size())), outpaint(middle_only(studio.size())) {
    const Tensor& all = s.source.test.images;
    const std::int64_t count = std::min(s.start.size(0), all.size(0));
    originals = all.index_select(0, (torch::arange(count) * all.size(0)).div(count, "floor"));
  }
};

/// Edited pictures in [0, 1], (N, C, S, S).
///
/// @param near  starts from the nearest of 16 noises instead of any.
template <class Network>
Tensor edit(Network& network, const edit_task& task, const Tensor& known, double sample_scale, int steps,
            bool near = false) {
  const Tensor pictures = task.s.scale.scaled(task.originals) * sample_scale;
  const auto velocity = [&](const Tensor& x, const Tensor& t) { return network.forward(x, t); };
  std::vector<Tensor> parts;
  for (std::int64_t first = 0; first < pictures.size(0); first += sampled_at_once) {
    const std::int64_t count = std::min(sampled_at_once, pictures.size(0) - first);
    const Tensor some = pictures.narrow(0, first, count);
    const Tensor start = near ? nearest_start(some, known, candidates, static_cast<std::uint64_t>(1 + first))
                              : task.s.start.narrow(0, first, count);
    parts.push_back(task.s.pictures(masked_euler_sample(start, some, known, steps, velocity), sample_scale));
  }
  return torch::cat(parts);
}

/// Root mean square error of the hidden pixels, where white is 1.
double hidden_error(const Tensor& edited, const Tensor& originals, const Tensor& known) {
  const Tensor hidden = (1 - known).expand_as(edited);
  return (((edited - originals).square() * hidden).sum() / hidden.sum()).sqrt().item<double>();
}

/// Everything about a trained model.
struct verdict {
  std::vector<double> distances;  ///< of in-painted pictures, at all numbers of sampler steps
  std::vector<named_value> others;
  Tensor shown;  ///< in-painted pictures for the sheet, then out-painted ones
};

template <class Network>
verdict judge_edits(Network& network, const edit_task& task, double sample_scale,
                    const std::vector<int>& sampler_steps) {
  constexpr std::int64_t count = shown_side * shown_side;
  const int steps = sampler_steps.front();
  const auto all = [&](const Tensor& known, int some, bool near = false) {
    return edit(network, task, known, sample_scale, some, near);
  };
  verdict found;
  const Tensor in = all(task.inpaint, steps), out = all(task.outpaint, steps);
  for (const int some : sampler_steps) {
    found.distances.push_back(task.s.frechet(some == steps ? in : all(task.inpaint, some)));
  }
  const Tensor near_in = all(task.inpaint, steps, true), near_out = all(task.outpaint, steps, true);
  found.others = {{"in: error", hidden_error(in, task.originals, task.inpaint)},
                  {"out: distance", task.s.frechet(out)},
                  {"out: error", hidden_error(out, task.originals, task.outpaint)},
                  {"near start, in: distance", task.s.frechet(near_in)},
                  {"near start, in: error", hidden_error(near_in, task.originals, task.inpaint)},
                  {"near start, out: distance", task.s.frechet(near_out)},
                  {"near start, out: error", hidden_error(near_out, task.originals, task.outpaint)}};
  found.shown = torch::cat({in.narrow(0, 0, count), out.narrow(0, 0, count)});
  return found;
}

template <class Network>
run train(const job& j, const edit_task& task, std::shared_ptr<Network> network) {
  training<Network> training(
      j, std::move(network),
      {flow_set_up_for(j.options).learning_rate, /*average_decay*/ 0.995, smoke_loss * flow_power(j)});
  learn_flow(training, j, task.s, [&] {
    return task.s.frechet(
        edit(training.average(), task, task.inpaint, j.sample_scale(), j.options.sampler_steps.front()));
  });
  if (!training.is_finished()) {
    const verdict found = judge_edits(training.average(), task, j.sample_scale(), j.options.sampler_steps);
    training.finish(found.distances, found.others, found.shown);
  }
  return training.result();
}

/// The file of the model that flow_matching left in `folder`.
std::string model_file(const job& j, const std::string& folder) {
  trainer_options there = j.options;
  there.out = folder;
  return checkpoint_file({there, j.how, j.seed, j.progress});
}

/// Takes steps and batch of the first of these models; judge_saved compares the others.
///
/// @throws std::invalid_argument  the command line names them too.
/// @throws std::runtime_error     there is no such model.
void take_training_of_models(trainer_options& options, const std::string& folder) {
  if (options.steps != 0) throw std::invalid_argument("--steps: needs no number with --models, got both");
  if (options.batch != 0) throw std::invalid_argument("--batch: needs no number with --models, got both");
  progress_bar none("", 0, "");
  const job first{options, read_pairing(options.pairings.front(), options), options.seed, none};
  const std::string file = model_file(first, folder);
  const nlohmann::json text = checkpoint::read(file).description;
  check_made_with("--models", file, text, "flow_matching", options.settings, {"--data"});
  const std::map<std::string, std::string> settings = text.at("settings");
  options.steps = std::stoi(settings.at("--steps"));
  options.batch = std::stoi(settings.at("--batch"));
}

/// A run of the model that flow_matching saved.
template <class Network>
run judge_saved(const job& j, const edit_task& task, Network& network, const std::string& folder) {
  const std::string file = model_file(j, folder);
  const nlohmann::json text = checkpoint::read(file).description;
  check_made_with("--models", file, text, "flow_matching", j.options.settings,
                  {"--data", "--data-dir", "--size", "--image-scale", "--smoke", "--steps", "--batch", "pictures"});
  if (text.at("step") != j.options.steps) {
    throw std::runtime_error("--models: needs a model after all its " + std::to_string(j.options.steps) +
                             " steps, got one after " + std::to_string(text.at("step").get<int>()) + " in " + file);
  }
  read_average(file, network);
  const verdict found = judge_edits(network, task, j.sample_scale(), j.options.sampler_steps);
  run result;
  for (std::size_t i = 0; i < found.distances.size(); ++i) {
    result.finals.push_back({text.at("step"), text.at("seconds"), j.options.sampler_steps[i], found.distances[i]});
  }
  result.curve = {result.finals.front()};
  result.others = found.others;
  result.samples.assign(found.shown.const_data_ptr<float>(), found.shown.const_data_ptr<float>() + found.shown.numel());
  result.loss = text.at("loss");
  return result;
}

/// Blocks of 6 x 6 pictures: the originals and what is known of them, then for each pairing the edited ones.
bool draw_edits(const std::string& file, const trainer_options& options, const edit_task& task,
                const comparison& result) {
  constexpr std::int64_t count = shown_side * shown_side;
  const Tensor originals = task.originals.narrow(0, 0, count);
  const auto hide = [&](const Tensor& known) { return originals * known + 0.5 * (1 - known); };
  std::vector<std::vector<picture_block>> rows = {{{"originals", originals},
                                                   {"known for in-painting", hide(task.inpaint)},
                                                   {"known for out-painting", hide(task.outpaint)}}};
  for (const std::string& pairing : options.pairings) {
    const Tensor& any = task.originals;
    const Tensor all =
        torch::tensor(result.first_run(pairing).samples).view({-1, any.size(1), any.size(2), any.size(3)});
    rows.push_back({{"", Tensor()},
                    {pairing + ": in-painted", all.narrow(0, 0, count)},
                    {pairing + ": out-painted", all.narrow(0, count, count)}});
  }
  return draw_pictures(file, "Held-out pictures, edited in " + result.sampler_text(options.sampler_steps.front()),
                       rows);
}

void compare(trainer_options options, const std::string& models) {
  const flow_set_up setting = flow_set_up_for(options);
  if (!models.empty()) take_training_of_models(options, models);
  complete(options, options.smoke ? 25 : setting.steps, setting.batch);
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const image_studio s(options);
  options.settings["pictures"] = s.checksum();
  s.introduce(std::cout);
  const edit_task task(s);
  std::vector<run> runs;
  {
    progress_bar judging("judging", static_cast<long>(options.pairings.size()) * options.seeds, "models");
    runs = run_all(options, one_core_each, [&](const job& j) {
      return with_flow_network(options, s, j.key(), [&](auto network) {
        if (models.empty()) return train(j, task, network);
        run judged = judge_saved(j, task, *network, models);
        judging.advance();
        return judged;
      });
    });
  }
  const comparison result(options, {"Frechet distance of in-painted pictures", /*higher is better*/ false, 2, "Euler"},
                          std::move(runs));
  result.print(std::cout);
  std::cout << "In: in-painting; out: out-painting. Distance: Frechet distance. Error: root mean square of the hidden "
               "pixels, white = 1. Near start: from the noise, of "
            << candidates << ", that is nearest to the known pixels.\n";
  result.write_csv(options.out + "/runs.csv");
  result.write_json(options.out + "/report.json");
  std::cout << "\nWritten: " << options.out << "/runs.csv, report.json";
  if (result.draw_curves(options.out + "/curve.png", "In-painting, " + s.source.name + ": Frechet distance") &&
      draw_edits(options.out + "/edits.png", options, task, result)) {
    std::cout << ", curve.png, edits.png";
  }
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.data = "fashion-mnist";
  options.pairings = {"none", "exact:1024"};
  options.sampler_steps = {10, 4, 50};
  options.evaluations = 8;
  options.out = "results/editing";
  std::string models;
  return run_program(
      "editing", "Fills in parts of pictures with models trained with and without pairing of the noise.", argc, argv,
      options, [&] { compare(options, models); },
      [&](CLI::App& app) {
        app.add_option("--models", models, "folder of a run of flow_matching: edit with its models")
            ->excludes(app.get_option("--evaluations"))
            ->excludes(app.get_option("--resume"));
      });
}
