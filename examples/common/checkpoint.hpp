// Checkpoints of a training: one file that is whole or refused, written so that a program may be killed at any moment.
#pragma once

#include <torch/serialize.h>
#include <nlohmann/json.hpp>

#include <string>

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

/// What is saved to an archive, as bytes; and back.
std::string archive_bytes(torch::serialize::OutputArchive& archive);
torch::serialize::InputArchive read_archive(const std::string& bytes);

/// A network's weights, as the bytes of an archive.
template <class Network>
std::string weights_of(const Network& network) {
  torch::serialize::OutputArchive archive;
  network.save(archive);
  return archive_bytes(archive);
}

}  // namespace examples
