// Checkpoints of a training: one file that is whole or refused, written so that a program may be killed at any moment.
#pragma once

#include <torch/serialize.h>
#include <nlohmann/json.hpp>

#include <cstdint>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace examples {

/// What a checkpoint file holds: a description that people can read (the file's first line), and LibTorch's archive.
struct checkpoint {
  nlohmann::json description;
  std::string archive;

  /// Replaces the file in one step: whoever reads it sees the old one or the new one, never a part.
  ///
  /// @throws std::runtime_error  it cannot be written; an old file stays.
  void write(const std::string& file) const;

  /// @throws std::runtime_error  there is no such file, or it is damaged (every byte is covered by a checksum).
  static checkpoint read(const std::string& file);
};

/// Refuses a checkpoint of another program or of other settings, and says in what it differs.
///
/// @param option       that named the checkpoint, such as "--resume".
/// @param description  of the checkpoint `file`.
/// @param settings     of this program.
/// @param names        of those that must be the same; none named: all.
/// @throws std::runtime_error  one differs.
void check_made_with(const std::string& option, const std::string& file, const nlohmann::json& description,
                     const std::string& program, const std::map<std::string, std::string>& settings,
                     const std::vector<std::string>& names = {});

/// What is saved to an archive, as bytes; and back.
std::string archive_bytes(torch::serialize::OutputArchive& archive);
torch::serialize::InputArchive read_archive(const std::string& bytes);

/// Reads a network's weights from an archive of the checkpoint `file`.
///
/// @throws std::runtime_error  they are those of another structure; LibTorch alone would take tensors of another shape.
template <class Network>
void load_weights(torch::serialize::InputArchive& archive, Network& network, const std::string& file) {
  const auto shapes = [&] {
    std::vector<std::vector<std::int64_t>> all;
    for (const torch::Tensor& parameter : network.parameters()) all.push_back(parameter.sizes().vec());
    return all;
  };
  const auto own = shapes();
  std::string difference;
  try {
    network.load(archive);
    if (shapes() != own) difference = "other shapes";
  } catch (const c10::Error& error) {
    difference = error.what_without_backtrace();
  }
  if (!difference.empty())
    throw std::runtime_error("needs the weights of this network, got others in " + file + ": " + difference);
}

/// Keeps a network that was trained once for all; see checkpoint::write.
template <class Network>
void keep_network(const Network& network, const std::string& file) {
  torch::serialize::OutputArchive archive;
  network.save(archive);
  checkpoint{{{"holds", "a network"}}, archive_bytes(archive)}.write(file);
}

/// Reads what keep_network kept.
///
/// @throws std::runtime_error  the file is missing, damaged, or holds another network.
template <class Network>
void read_kept_network(Network& network, const std::string& file) {
  torch::serialize::InputArchive archive = read_archive(checkpoint::read(file).archive);
  load_weights(archive, network, file);
}

}  // namespace examples
