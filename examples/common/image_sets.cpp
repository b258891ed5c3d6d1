#include "image_sets.hpp"

#include "bitmap_font.hpp"
#include "fashion_mnist.hpp"
#include "pictures.hpp"
#include "progress.hpp"

#include <zlib.h>

#include <algorithm>
#include <atomic>
#include <cctype>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <filesystem>
#include <fstream>
#include <map>
#include <memory>
#include <random>
#include <stdexcept>
#include <thread>
#include <utility>

namespace examples {

namespace {

using std::filesystem::path;

/// Collects pictures of one size, each with its label.
class collection {
 public:
  void add(const picture& image, std::int64_t label) {
    pixels_.insert(pixels_.end(), image.rgb.begin(), image.rgb.end());
    labels_.push_back(label);
  }
  labelled_images tensors(std::int64_t size) {
    const auto count = static_cast<std::int64_t>(labels_.size());
    const at::Tensor bytes = at::from_blob(pixels_.data(), {count, size, size, 3}, at::kByte);
    return {bytes.permute({0, 3, 1, 2}).contiguous().to(at::kFloat).div_(255),
            at::from_blob(labels_.data(), {count}, at::kLong).clone()};
  }

 private:
  std::vector<std::uint8_t> pixels_;  // (N, S, S, 3)
  std::vector<std::int64_t> labels_;
};

/// Every tenth picture is for testing.
bool is_for_test(std::size_t index) { return index % 10 == 9; }

/// Calls work(0) ... work(count - 1), on all cores; an error of the first that fails is thrown again.
template <class Work>
void for_all(const std::string& label, std::size_t count, Work work) {
  progress_bar progress(label, static_cast<long>(count), "files");
  std::atomic<std::size_t> next{0};
  std::vector<std::exception_ptr> failures(count);
  const auto run = [&] {
    for (std::size_t i = next++; i < count; i = next++, progress.advance()) {
      try {
        work(i);
      } catch (...) {
        failures[i] = std::current_exception();
        next = count;
      }
    }
  };
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < std::max(1u, std::thread::hardware_concurrency()); ++i) threads.emplace_back(run);
  for (std::thread& thread : threads) thread.join();
  for (const std::exception_ptr& failure : failures) {
    if (failure) std::rethrow_exception(failure);
  }
}

void check_size(const std::string& name, int size, int least, int most) {
  if (size >= least && size <= most) return;
  throw std::invalid_argument(name + ": needs a size of " + std::to_string(least) +
                              (least < most ? " to " + std::to_string(most) : "") + ", got " + std::to_string(size));
}

void check_folder(const std::string& name, const std::string& folder, const std::string& of) {
  if (folder.empty()) throw std::invalid_argument(name + ": needs a folder (--data-dir) of " + of);
  if (!std::filesystem::is_directory(folder)) throw std::runtime_error(name + ": needs a folder, got " + folder);
}

// ------------------------------------------------------------------------------------------------------- Fashion-MNIST

image_data read_clothes(const std::string& folder, int size) {
  if (size != 14 && size != 28) {
    throw std::invalid_argument("fashion-mnist: needs a size of 14 or 28, got " + std::to_string(size));
  }
  const std::string place = folder.empty() ? "/usr/share/datasets/fashion-mnist" : folder;
  return {"Fashion-MNIST",
          read_fashion_mnist(place, "train", size),
          read_fashion_mnist(place, "t10k", size),
          {"T-shirt", "trousers", "pullover", "dress", "coat", "sandal", "shirt", "sneaker", "bag", "ankle boot"}};
}

// --------------------------------------------------------------------------------------------------------- Photographs

struct photograph_package {
  const char* package;
  const char* folder;  // below /usr/share
  std::vector<const char*> files;
};

/// The photographs among the wallpapers and puzzles of Debian 12, all that are no drawings. Their licences:
/// mate-backgrounds and palapeli-data GPL-2+, lomiri-wallpapers CC-BY-4.0, CC-BY-SA-4.0 and CC0,
/// lxqt-themes CC-BY-SA-3.0.
const std::vector<photograph_package> photograph_packages = {
    {"mate-backgrounds",
     "backgrounds/mate/nature",
     {"Aqua.jpg", "Blinds.jpg", "Dune.jpg", "FreshFlower.jpg", "Garden.jpg", "GreenMeadow.jpg", "LadyBird.jpg",
      "RainDrops.jpg", "Storm.jpg", "TwoWings.jpg", "Wood.jpg", "YellowFlower.jpg"}},
    {"lomiri-wallpapers-16.04",
     "backgrounds",
     {"Bridge_by_Sander_Klootwijk.jpg", "Dragonfly_by_Bolly.jpg", "Picture_0B_by_freespace.jpg",
      "Picture_1A_by_freespace.jpg", "aitzgorri_by_Aitzol_Berasategi.jpg", "free_by_Peter_Nerlich.jpg",
      "friends_by_Aitzol_Berasategi.jpg", "greentock_by_Peter_Nerlich.jpg", "life_by_Aitzol_Berasategi.jpg",
      "picosdeeuropa_by_Aitzol_Berasategi.jpg", "seeding_by_Clements_Engelhardt.jpg",
      "sunset_by_Aitzol_Berasategi.jpg"}},
    {"lxqt-themes",
     "lxqt/wallpapers",
     {"Butterfly-Kenneth-Wimer.jpg", "Valendas.png", "after-the-rain.jpg", "appleflower.png", "beam.png",
      "butterfly.png", "cloud.png", "drop.png", "flowers.png", "fog.jpg", "this-is-not-windows.jpg"}},
    {"palapeli-data",
     "palapeli/collection",
     {"castle-maintenon.jpg", "cincinnati-bridge.jpg", "citrus-fruits.jpg", "european-honey-bee.jpg",
      "panther-chameleon-female.jpg"}}};

/// All of them: with fewer, the set would be another one.
std::vector<path> photograph_files(const std::string& root) {
  std::vector<path> files;
  std::string missing, packages;
  for (const photograph_package& from : photograph_packages) {
    bool complete = true;
    for (const char* file : from.files) {
      files.push_back(path(root) / from.folder / file);
      if (std::filesystem::exists(files.back())) continue;
      if (missing.empty()) missing = files.back();
      complete = false;
    }
    if (!complete) packages += std::string(" ") + from.package;
  }
  if (!packages.empty()) throw std::runtime_error("needs " + missing + " (Debian: apt install" + packages + ")");
  return files;
}

/// Sharp parts tell more than the sky: the standard deviation of the brightness is 10 of 255 at least.
bool shows_something(const picture& crop) {
  std::int64_t sum = 0, squares = 0;
  const auto pixels = static_cast<std::int64_t>(crop.rgb.size() / 3);
  for (std::size_t i = 0; i < crop.rgb.size(); i += 3) {
    const std::int64_t brightness = crop.rgb[i] + crop.rgb[i + 1] + crop.rgb[i + 2];  // 0 to 765
    sum += brightness;
    squares += brightness * brightness;
  }
  return pixels * squares - sum * sum >= pixels * pixels * 30 * 30;
}

/// A square of a sixth to a half of the photograph's short side, anywhere in it, as size x size pixels: of up to ten,
/// the first that shows something, else the last.
picture random_crop(const picture& photograph, int size, std::mt19937& random) {
  const auto draw = [&](int low, int high) {  // low ... high; the same on every machine, unlike std's distributions
    const auto values = static_cast<std::uint64_t>(high - low + 1);
    return low + static_cast<int>(values * random() >> 32);
  };
  const int short_side = std::min(photograph.width, photograph.height);
  picture crop;
  for (int i = 0; i < 10 && (i == 0 || !shows_something(crop)); ++i) {
    const int side = draw(short_side / 6, short_side / 2);
    const int left = draw(0, photograph.width - side), top = draw(0, photograph.height - side);
    crop = resized(photograph, {left, top, side, side}, size, size);
  }
  return crop;
}

/// Crops of one photograph. It is shrunk first, to a short side of 384 pixels: crops of 64 to 192 are quick to average.
std::vector<picture> crops_of(const picture& whole, int crops, int size, std::uint32_t seed) {
  const std::int64_t short_side = std::min(whole.width, whole.height);
  const auto shrunk = [&](int side) { return static_cast<int>(side * std::int64_t{384} / short_side); };
  const picture photograph =
      resized(whole, {0, 0, whole.width, whole.height}, shrunk(whole.width), shrunk(whole.height));
  std::mt19937 random(seed);
  std::vector<picture> result;
  for (int i = 0; i < crops; ++i) result.push_back(random_crop(photograph, size, random));
  return result;
}

/// 512 crops of each photograph to train, 103 to test, the photographs by turns; the label is the photograph.
image_data read_photographs(const std::string& folder, int size) {
  check_size("photographs", size, 8, 64);
  constexpr int train_crops = 512, test_crops = 103;
  const std::vector<path> files = photograph_files(folder.empty() ? "/usr/share" : folder);
  std::vector<std::vector<picture>> crops(files.size());
  for_all("reading photographs", files.size(), [&](std::size_t i) {
    crops[i] = crops_of(read_picture(files[i]), train_crops + test_crops, size, static_cast<std::uint32_t>(2026 + i));
  });
  image_data data;
  data.name = "photographs";
  for (const path& file : files) data.classes.push_back(file.stem());
  collection train, test;
  for (std::size_t i = 0; i < train_crops + test_crops; ++i) {
    for (std::size_t photograph = 0; photograph < crops.size(); ++photograph) {
      (i < train_crops ? train : test).add(crops[photograph][i], static_cast<std::int64_t>(photograph));
    }
  }
  data.train = train.tensors(size);
  data.test = test.tensors(size);
  return data;
}

// --------------------------------------------------------------------------------------------------------------- Emoji

struct emoji_groups {
  std::vector<std::string> names;
  std::map<unsigned long, std::int64_t> group_of;  // code point -> index of a name
};

/// The groups of Unicode's emoji-test.txt: lines "# group: NAME", then lines "CODEPOINT [CODEPOINT...] ; STATUS # ...".
emoji_groups read_emoji_groups(const std::string& file) {
  std::ifstream input(file);
  if (!input) throw std::runtime_error("needs " + file + " (Debian: apt install unicode-data)");
  emoji_groups result;
  const std::string heading = "# group: ";
  for (std::string line; std::getline(input, line);) {
    if (line.rfind(heading, 0) == 0) result.names.push_back(line.substr(heading.size()));
    if (line.empty() || !std::isxdigit(static_cast<unsigned char>(line[0]))) continue;
    if (result.names.empty()) throw std::runtime_error("needs a group before the first emoji, got " + file);
    // Of several code points the first one counts: # stands for its keycap, which has none of its own.
    result.group_of.emplace(std::strtoul(line.c_str(), nullptr, 16),
                            static_cast<std::int64_t>(result.names.size()) - 1);
  }
  if (result.group_of.empty()) throw std::runtime_error("needs Unicode's list of emoji, got " + file);
  return result;
}

/// Every glyph of Noto Color Emoji that has a picture. The label is Unicode's group of its code point; what only a
/// sequence of code points shows (skin tones, professions, families, most flags) is a class of its own, the last.
image_data read_emoji(const std::string& folder, int size) {
  check_size("emoji", size, 8, 64);
  const std::string root = folder.empty() ? "/usr/share" : folder;
  const emoji_groups groups = read_emoji_groups(root + "/unicode/emoji/emoji-test.txt");
  const bitmap_font font(root + "/fonts/truetype/noto/NotoColorEmoji.ttf");
  image_data data;
  data.name = "emoji";
  data.classes = groups.names;
  data.classes.emplace_back("Sequences");
  const auto sequences = static_cast<std::int64_t>(groups.names.size());

  std::map<FT_UInt, std::int64_t> label_of;
  for (const auto& [glyph, code] : font.code_points()) {
    const auto group = groups.group_of.find(code);
    if (group != groups.group_of.end()) label_of.emplace(glyph, group->second);
  }
  collection train, test;
  std::size_t count = 0;
  for (FT_UInt glyph = 0; glyph < font.glyphs(); ++glyph) {
    const picture drawn = font.draw(glyph);
    if (drawn.rgb.empty()) continue;
    const auto label = label_of.find(glyph);
    (is_for_test(count++) ? test : train)
        .add(resized(drawn, centre_square(drawn), size, size), label == label_of.end() ? sequences : label->second);
  }
  if (count < 10) throw std::runtime_error("needs a font of coloured bitmaps, and FreeType with PNG to read them");
  data.train = train.tensors(size);
  data.test = test.tensors(size);
  return data;
}

// ------------------------------------------------------------------------------------------------------------ CIFAR-10

/// Records of 3073 bytes: the label, then 32 x 32 pixels' red, green and blue.
labelled_images read_cifar10_files(const std::vector<path>& files) {
  constexpr std::size_t values = 3 * 32 * 32, record = 1 + values;
  std::vector<std::uint8_t> pixels;
  std::vector<std::int64_t> labels;
  for (const path& file : files) {
    if (!std::filesystem::exists(file)) {
      throw std::runtime_error("cifar10: needs " + file.string() + " (of CIFAR-10's binary version)");
    }
    const std::vector<char> bytes = file_bytes(file);
    if (bytes.empty() || bytes.size() % record != 0) {
      throw std::runtime_error("cifar10: needs records of 3073 bytes, got " + file.string() + " of " +
                               std::to_string(bytes.size()) + " bytes");
    }
    for (auto at = bytes.begin(); at != bytes.end(); at += record) {
      const auto label = static_cast<unsigned char>(*at);
      if (label > 9) {
        throw std::runtime_error("cifar10: needs labels 0 to 9, got " + std::to_string(label) + " in " + file.string());
      }
      labels.push_back(label);
      pixels.insert(pixels.end(), at + 1, at + record);
    }
  }
  const auto count = static_cast<std::int64_t>(labels.size());
  return {at::from_blob(pixels.data(), {count, 3, 32, 32}, at::kByte).to(at::kFloat).div_(255),
          at::from_blob(labels.data(), {count}, at::kLong).clone()};
}

/// The ten lines of batches.meta.txt, where it is there.
std::vector<std::string> cifar10_classes(const path& file) {
  std::vector<std::string> names;
  std::ifstream input(file);
  for (std::string line; std::getline(input, line);) {
    if (!line.empty() && line.back() == '\r') line.pop_back();
    if (!line.empty()) names.push_back(line);
  }
  if (names.empty()) {
    return {"airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"};
  }
  if (names.size() == 10) return names;
  throw std::runtime_error("cifar10: needs ten names of classes, got " + std::to_string(names.size()) + " in " +
                           file.string());
}

image_data read_cifar10(const std::string& folder, int size) {
  check_size("cifar10", size, 32, 32);
  check_folder("cifar10", folder, "data_batch_1.bin to data_batch_5.bin and test_batch.bin");
  std::vector<path> batches;
  for (int i = 1; i <= 5; ++i) batches.push_back(path(folder) / ("data_batch_" + std::to_string(i) + ".bin"));
  return {"CIFAR-10", read_cifar10_files(batches), read_cifar10_files({path(folder) / "test_batch.bin"}),
          cifar10_classes(path(folder) / "batches.meta.txt")};
}

// ------------------------------------------------------------------------------------------------- The user's pictures

bool is_picture(const path& file) {
  std::string ending = file.extension();
  for (char& c : ending) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  const bool hidden = file.filename().string()[0] == '.';  // such as what macOS leaves beside each file
  return !hidden && (ending == ".png" || ending == ".jpg" || ending == ".jpeg");
}

/// All PNG and JPEG files below the folder, sorted by path. The sub-folder of the first level is the class; files
/// beside the sub-folders are one more.
image_data read_folder(const std::string& folder, int size) {
  check_size("folder", size, 4, 512);
  check_folder("folder", folder, "PNG and JPEG pictures");
  std::map<std::string, std::string> class_of;  // path below the folder -> sub-folder, or "." where there is none
  std::map<std::string, std::int64_t> labels;
  const path root = std::filesystem::canonical(folder);
  for (const auto& entry : std::filesystem::recursive_directory_iterator(root)) {
    if (!entry.is_regular_file() || !is_picture(entry.path())) continue;
    const path below = entry.path().lexically_relative(root);
    const std::string name = below.has_parent_path() ? below.begin()->string() : ".";
    class_of[below.generic_string()] = name;
    labels[name] = 0;
  }
  if (class_of.empty()) throw std::runtime_error("folder: needs files .png, .jpg or .jpeg, got none in " + folder);
  image_data data;
  data.name = root.filename();
  for (auto& [name, label] : labels) {
    label = static_cast<std::int64_t>(data.classes.size());
    data.classes.push_back(name);
  }
  const std::vector<std::pair<std::string, std::string>> files(class_of.begin(), class_of.end());
  std::vector<picture> squares(files.size());
  for_all("reading pictures", files.size(), [&](std::size_t i) {
    const picture whole = read_picture(root / files[i].first);
    squares[i] = resized(whole, centre_square(whole), size, size);
  });
  const bool split = files.size() >= 20;
  collection train, test;
  for (std::size_t i = 0; i < files.size(); ++i) {
    (split && is_for_test(i) ? test : train).add(squares[i], labels.at(files[i].second));
  }
  data.train = train.tensors(size);
  data.test = split ? test.tensors(size) : data.train;
  return data;
}

}  // namespace

image_data read_image_data(const std::string& name, const std::string& folder, int size) {
  if (name == "fashion-mnist") return read_clothes(folder, size);
  if (name == "photographs") return read_photographs(folder, size);
  if (name == "emoji") return read_emoji(folder, size);
  if (name == "cifar10") return read_cifar10(folder, size);
  if (name == "folder") return read_folder(folder, size);
  throw std::invalid_argument("needs fashion-mnist, photographs, emoji, cifar10 or folder, got " + name);
}

std::string checksum_of(const std::vector<at::Tensor>& tensors) {
  uLong sum = crc32_z(0, nullptr, 0);
  for (const at::Tensor& tensor : tensors) {
    const at::Tensor values = tensor.contiguous();
    sum = crc32_z(sum, static_cast<const Bytef*>(values.const_data_ptr()), values.nbytes());
  }
  char text[9];
  std::snprintf(text, sizeof text, "%08lx", sum);
  return text;
}

}  // namespace examples
