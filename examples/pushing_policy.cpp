// Trains a robot's pushing policy from demonstrations, with and without pairing of the noise; judged by its success rate.
//
// A finger pushes a T-shaped block onto its goal (common/pushing.hpp). The policy sees where finger and block are and were
// a step ago, and plans the finger's next 12 targets by flow matching; 6 of them are done, then it plans again. It learns
// from a scripted expert that may push anywhere and walk around the block either way, so that the average of two good plans
// is often a bad one. What differs between the runs is one line: which noise each plan of the batch gets.
//
// The example shows a limit. Each plan belongs to a view, and exact pairing over a batch of different views makes the noise
// depend on the view, which it does not when the policy is used: the policy fails. `exact+late` pairs after a quarter of
// the steps; `exact+conditions` adds the distance between the views to the cost (Cheng and Schwing 2025), so that noise
// moves between like views only.
#include "common/experiment.hpp"
#include "common/flow.hpp"
#include "common/gnuplot.hpp"
#include "common/matched_samples.hpp"
#include "common/networks.hpp"
#include "common/options.hpp"
#include "common/pushing_expert.hpp"
#include "common/report.hpp"
#include "common/training.hpp"

#include <immiscible/groups.hpp>
#include <immiscible/torch.hpp>

#include <ATen/Parallel.h>
#include <torch/nn/functional/loss.h>

#include <algorithm>
#include <iostream>
#include <random>
#include <sstream>

namespace {

using namespace examples;
using pushing::world;
using torch::Tensor;

// ---------------------------------------------------------------------------------------------------------------- Data

constexpr int planned = 12;  // targets of one plan: x and y by turns, from where the finger is
constexpr int done = 6;      // of them are done before the policy plans again
constexpr int plan_size = 2 * planned;
constexpr int view_size = 16;
constexpr std::size_t shown_episodes = 4;
constexpr double smoke_loss = 0.9;  // mean squared error that a smoke run must reach

/// What the policy sees: finger and block, on the table and from each other, now and a step ago.
void write_view(const world& before, const world& now, float* to) {
  for (const world& w : {before, now}) {
    const pushing::point from_block = to_block(w.block, w.finger);
    for (const double value : {2 * w.finger.x, 2 * w.finger.y, 3 * w.block.centre.x, 3 * w.block.centre.y,
                               std::cos(w.block.angle), std::sin(w.block.angle), 3 * from_block.x, 3 * from_block.y}) {
      *to++ = static_cast<float>(value);
    }
  }
}

struct demonstrations {
  Tensor plans;  // (N, 24), each value with mean 0 and standard deviation 1
  Tensor views;  // (N, 16)
  Tensor mean;   // (24)
  Tensor scale;  // (24)
};

/// Every step of every episode: what is seen there and the targets from there on, the last one repeated at the end.
demonstrations draw_demonstrations(int episodes) {
  std::mt19937 random(2026);
  std::vector<float> plans, views;
  for (int episode = 0; episode < episodes; ++episode) {
    const pushing::demonstration d = demonstrate(pushing::draw_start(random), random);
    for (std::size_t step = 0; step < d.targets.size(); ++step) {
      const world& now = d.worlds[step];
      views.resize(views.size() + view_size);
      write_view(d.worlds[step > 0 ? step - 1 : 0], now, views.data() + views.size() - view_size);
      for (std::size_t i = step; i < step + planned; ++i) {
        const pushing::point way = d.targets[std::min(i, d.targets.size() - 1)] - now.finger;
        plans.push_back(static_cast<float>(way.x));
        plans.push_back(static_cast<float>(way.y));
      }
    }
  }
  demonstrations d;
  d.views = torch::tensor(views).view({-1, view_size});
  d.plans = torch::tensor(plans).view({-1, plan_size});
  d.mean = d.plans.mean(0);
  d.scale = (d.plans - d.mean).square().mean(0).sqrt();
  d.plans = (d.plans - d.mean) / d.scale;
  return d;
}

// ---------------------------------------------------------------------------------------------------------- Evaluation

/// New starts, the same for every run and every moment.
std::vector<world> draw_starts(int count) {
  std::mt19937 random(7);
  std::vector<world> starts;
  for (int i = 0; i < count; ++i) starts.push_back(pushing::draw_start(random));
  return starts;
}

/// One episode from each start.
struct episodes {
  std::vector<std::vector<world>> worlds;  // of an episode: a step before the start (the same), the start, each step
  std::vector<double> best_coverage;

  explicit episodes(const std::vector<world>& starts) {
    for (const world& start : starts) {
      worlds.push_back({start, start});
      best_coverage.push_back(coverage(start.block));
    }
  }

  void advance(std::size_t episode, pushing::point target) {
    world w = worlds[episode].back();
    pushing::advance(w, target);
    worlds[episode].push_back(w);
    best_coverage[episode] = std::max(best_coverage[episode], coverage(w.block));
  }

  double success_rate() const {
    const auto successes = std::count_if(best_coverage.begin(), best_coverage.end(),
                                         [](double c) { return c >= pushing::success_coverage; });
    return static_cast<double>(successes) / static_cast<double>(best_coverage.size());
  }
};

/// Lets the policy push from all starts at once. The start noise of a plan depends on its episode and its time alone.
///
/// @param plan_scale  of the plans that it learned from.
episodes push_from(const std::vector<world>& starts, residual_mlp& policy, const demonstrations& data,
                   double plan_scale, int euler_steps) {
  const auto count = static_cast<std::int64_t>(starts.size());
  episodes e(starts);
  Tensor views = torch::empty({count, view_size});
  for (int step = 0; step < pushing::step_limit; step += done) {
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const std::vector<world>& past = e.worlds[i];
      write_view(past[past.size() - 2], past.back(), views.data_ptr<float>() + i * view_size);
    }
    const auto velocity = [&](const Tensor& x, const Tensor& t) { return policy.forward(x, t, views); };
    const Tensor noise = start_noise({count, plan_size}, static_cast<std::uint64_t>(step));
    const Tensor plans = euler_sample(noise, euler_steps, velocity) / plan_scale * data.scale + data.mean;
    for (std::size_t i = 0; i < starts.size(); ++i) {
      const float* way = plans.data_ptr<float>() + i * plan_size;
      const pushing::point from = e.worlds[i].back().finger;
      for (int j = 0; j < done; ++j) e.advance(i, from + pushing::point{way[2 * j], way[2 * j + 1]});
    }
  }
  return e;
}

// ------------------------------------------------------------------------------------------------------------ Training

constexpr double learning_rate = 2e-3;  // for half of the steps, then linearly to 0
constexpr double view_weight = 100;     // of +conditions: of the views' squared distances in the cost

/// The noise of a batch, exchanged between plans (B, 24) whose views (B, 16) are alike.
Tensor exchanged_between_like_views(const Tensor& noise, const Tensor& plans, const Tensor& views) {
  const auto pairs = immiscible::assign_with_conditions(immiscible::float_rows(plans), immiscible::float_rows(noise),
                                                        immiscible::float_rows(views), view_weight);
  return immiscible::permute_rows(noise, pairs.noise_of_image);
}

/// Everything of one run after its last step: success rates, coverage, the episodes that are shown.
void judge(training<residual_mlp>& training, const job& j, const std::function<episodes(int euler_steps)>& push) {
  if (training.is_finished()) return;
  std::vector<double> rates;
  double uncovered = 0;
  std::vector<float> shown;
  for (const int euler_steps : j.options.sampler_steps) {
    const episodes e = push(euler_steps);
    rates.push_back(e.success_rate());
    if (rates.size() > 1) continue;
    uncovered = 1 - spread_of(e.best_coverage).mean;
    for (std::size_t i = 0; i < shown_episodes; ++i) {
      for (const world& w : e.worlds[i]) {
        for (const double value : {w.finger.x, w.finger.y, w.block.centre.x, w.block.centre.y, w.block.angle}) {
          shown.push_back(static_cast<float>(value));
        }
      }
    }
  }
  training.finish(rates, {{"uncovered", uncovered}}, torch::tensor(shown));
}

run train(const job& j, const demonstrations& data, const std::vector<world>& starts) {
  training<residual_mlp> training(j, make_network<residual_mlp>(j.key(), plan_size, view_size, 384, 4),
                                  {learning_rate, 0.995, smoke_loss * flow_power(j)});
  matched_samples batches(j, data.plans, data.views, training.step());
  const auto push = [&](int euler_steps) {
    return push_from(starts, training.average(), data, j.sample_scale(), euler_steps);
  };

  while (training.begin_step()) {
    const matched_batch batch = training.wait_for([&] {  // all that differs between the runs
      matched_batch next = batches.next();
      if (j.is_paired_by_conditions(training.step() + 1)) {
        next.noise = exchanged_between_like_views(next.noise, next.samples, next.conditions);
      }
      return next;
    });
    const Tensor &plans = batch.samples, &views = batch.conditions;  // (B, 24), (B, 16)
    const Tensor t = draw_times(plans.size(0), training.random());
    const Tensor velocity = training.network().forward(point_on_line(batch.noise, plans, t), t, views);
    const double part_left = 1 - static_cast<double>(training.step()) / j.options.steps;
    training.set_learning_rate(learning_rate * std::min(1.0, 2 * part_left));
    training.end_step(torch::nn::functional::mse_loss(velocity, plans - batch.noise));
    if (training.is_evaluation_due()) training.record(push(j.options.sampler_steps.front()).success_rate());
  }
  judge(training, j, push);
  return training.result();
}

// -------------------------------------------------------------------------------------------------------------- Report

/// The outline of the T for gnuplot, closed.
void write_outline(std::ostream& out, const pushing::pose& block) {
  const auto& [bar, stem] = pushing::block_parts;
  for (const pushing::point corner : {pushing::point{bar.left, bar.top},
                                      {bar.right, bar.top},
                                      {bar.right, bar.bottom},
                                      {stem.right, stem.top},
                                      {stem.right, stem.bottom},
                                      {stem.left, stem.bottom},
                                      {stem.left, stem.top},
                                      {bar.left, bar.bottom},
                                      {bar.left, bar.top}}) {
    const pushing::point p = to_table(block, corner);
    out << p.x << ' ' << p.y << '\n';
  }
  out << '\n';
}

/// The worlds of one shown episode, until it succeeds.
std::vector<world> shown_worlds(const run& r, std::size_t episode) {
  const std::size_t worlds = r.samples.size() / shown_episodes / 5;
  std::vector<world> shown;
  for (std::size_t i = 0; i < worlds; ++i) {
    const float* v = r.samples.data() + (episode * worlds + i) * 5;
    shown.push_back({{v[0], v[1]}, {{v[2], v[3]}, v[4]}});
    if (coverage(shown.back().block) >= pushing::success_coverage) break;
  }
  return shown;
}

/// One row for each pairing, one column for each start: the goal, the block every two seconds, the finger's path.
bool draw_episodes(const std::string& file, const trainer_options& options, const comparison& result) {
  const auto rows = options.pairings.size();
  std::ostringstream script;
  script << picture_header(file, 1500, static_cast<int>(60 + 330 * rows)) << "set multiplot layout " << rows << ','
         << shown_episodes << " title 'Episodes at " << options.sampler_steps.front()
         << " Euler steps, the same starts and start noise: the block every two seconds, bold at the end (blue: "
            "there), the "
            "finger''s path' font 'DejaVu Sans,15'\n"
         << "unset key; unset tics; unset grid; set border 15 lc rgb '#dddddd'\nset xrange [-1:1]; set yrange [-1:1]\n"
         << "set size ratio -1; set lmargin 1; set rmargin 1; set tmargin 2; set bmargin 0.5\n$goal << END\n";
  write_outline(script, pushing::goal);
  script << "END\n";
  for (const std::string& pairing : options.pairings) {
    for (std::size_t episode = 0; episode < shown_episodes; ++episode) {
      const std::vector<world> worlds = shown_worlds(result.first_run(pairing), episode);
      script << "$blocks << END\n";
      for (std::size_t i = 0; i + 1 < worlds.size(); i += 20) write_outline(script, worlds[i].block);
      script << "END\n$last << END\n";
      write_outline(script, worlds.back().block);
      script << "END\n$finger << END\n";
      for (const world& w : worlds) script << w.finger.x << ' ' << w.finger.y << '\n';
      const double covered = coverage(worlds.back().block);
      script << "END\nset title '" << pairing << ": "
             << (covered >= pushing::success_coverage
                     ? "after " + fixed(0.1 * static_cast<double>(worlds.size() - 2), 1) + " s"
                     : "covers " + fixed(100 * covered, 0) + " % at the end")
             << "' noenhanced offset 0,-0.5\n"
             << "plot $goal with filledcurves closed fc rgb '#cfd8dc', $blocks with lines lw 1 lc rgb '#9aa5ab', "
             << "$last with lines lw 2.5 lc rgb '" << (covered >= pushing::success_coverage ? "#2e86ab" : "#d1495b")
             << "', $finger with lines lw 1 lc rgb '#c98a1b'\n";
    }
  }
  return draw(script.str());
}

void compare(trainer_options options) {
  complete(options, options.smoke ? 150 : 3000, 256);
  const auto one_core_each = [] { at::set_num_threads(1); };
  one_core_each();
  const int demonstrated = options.smoke ? 50 : 500, judged = options.smoke ? 20 : 200;  // episodes
  const demonstrations data = draw_demonstrations(demonstrated);
  const std::vector<world> starts = draw_starts(judged);
  std::cout << data.plans.size(0) << " plans from " << demonstrated << " demonstrations; judged by " << judged
            << " new starts.\n\n";
  const comparison result(options, {"success rate", /*higher is better*/ true, 3},
                          run_all(options, one_core_each, [&](const job& j) { return train(j, data, starts); }));
  result.print(std::cout);
  std::cout << "Uncovered: the goal's share that the block leaves free at its best moment, on average.\n";
  result.write_csv(options.out + "/runs.csv");
  result.write_json(options.out + "/report.json");
  std::cout << "\nWritten: " << options.out << "/runs.csv, report.json";
  if (result.draw_curves(options.out + "/curve.png", "Pushing policy: success rate of new starts") &&
      draw_episodes(options.out + "/episodes.png", options, result)) {
    std::cout << ", curve.png, episodes.png";
  }
  std::cout << std::endl;
}

}  // namespace

int main(int argc, char** argv) {
  trainer_options options;
  options.has_conditions = true;
  options.pairings = {"none", "exact", "exact+late", "exact+conditions"};
  options.sampler_steps = {4, 2, 10};
  options.evaluations = 8;
  options.out = "results/pushing_policy";
  return run_program("pushing_policy",
                     "Trains a pushing policy with and without pairing of the noise and compares them.", argc, argv,
                     options, [&] { compare(options); });
}
