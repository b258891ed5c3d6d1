// The sets of images that trainers know: three from Debian's packages, and the user's own. docs/data.md describes them.
#pragma once

#include <ATen/ATen.h>

#include <string>
#include <vector>

namespace examples {

struct labelled_images {
  at::Tensor images;  // (N, C, S, S) float32 in [0, 1]
  at::Tensor labels;  // (N) int64, 0 ... classes - 1
};

struct image_data {
  std::string name;
  labelled_images train, test;
  std::vector<std::string> classes;
};

/// The names that read_image_data knows.
inline const std::vector<std::string> image_data_names = {"fashion-mnist", "photographs", "emoji", "cifar10", "folder"};

/// Reads a set of images; the same files give the same tensors on every machine.
///
/// Of emoji and folders every tenth picture is for testing; with fewer than 20 in a folder, all are for both.
///
/// @param name    "fashion-mnist" (grey), "photographs", "emoji", "cifar10" or "folder" (all in colour, C = 3).
/// @param folder  where the files are. "": where Debian's packages put them; for photographs and emoji, another folder
///                stands for /usr/share; cifar10 and folder need one.
/// @param size    S: 28 or 14 (fashion-mnist), 32 (cifar10), 8 to 64 (photographs, emoji), 4 to 512 (folder).
/// @throws std::invalid_argument  no such name, no such size of it, or no folder where one is needed.
/// @throws std::runtime_error     files are missing or damaged; the text names one and where it comes from.
image_data read_image_data(const std::string& name, const std::string& folder, int size);

/// A checksum of tensors: files that keep what was learned from some pictures have it in their names.
std::string checksum_of(const std::vector<at::Tensor>& tensors);

/// The scale that networks train on: the mean picture removed, standard deviation 1 over all values; and back.
struct pixel_scale {
  at::Tensor mean;  // (1, S, S)
  double deviation = 1;

  explicit pixel_scale(const at::Tensor& images)
      : mean(images.mean(0)), deviation((images - mean).square().mean().sqrt().item<double>()) {}
  at::Tensor scaled(const at::Tensor& images) const { return (images - mean) / deviation; }
  at::Tensor pixels(const at::Tensor& samples) const { return (samples * deviation + mean).clamp(0, 1); }
};

}  // namespace examples
