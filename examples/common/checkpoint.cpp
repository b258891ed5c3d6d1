#include "checkpoint.hpp"

#include <zlib.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <stdexcept>

namespace examples {

namespace {

constexpr const char* kind = "checkpoint of an immiscible example";

/// One line; a byte of a path that is no UTF-8 becomes a replacement character.
std::string text_of(const nlohmann::json& value) {
  return value.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);
}

std::uint32_t checksum(const std::string& text) {
  return static_cast<std::uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size()));
}

}  // namespace

void checkpoint::write(const std::string& file) const {
  const std::string text = text_of(description);
  const nlohmann::json head = {{"kind", kind},
                               {"version", 1},
                               {"archive_bytes", archive.size()},
                               {"archive_checksum", checksum(archive)},
                               {"description_checksum", checksum(text)},
                               {"description", description}};
  const std::string part = file + ".part";
  {
    std::ofstream out(part, std::ios::binary);
    out << text_of(head) << '\n' << archive;
    out.close();
    if (!out) throw std::runtime_error("cannot write " + part);
  }
  std::filesystem::rename(part, file);
}

checkpoint checkpoint::read(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  std::string line;
  if (!in || !std::getline(in, line)) throw std::runtime_error("needs a checkpoint, cannot read " + file);
  const auto fail = [&](const std::string& why) {
    throw std::runtime_error("needs a whole checkpoint, got " + file + ", which " + why + ": delete it to start anew");
  };
  const nlohmann::json head = nlohmann::json::parse(line, nullptr, /*throws*/ false);
  if (!head.is_object() || head.value("kind", "") != kind) fail("is none, or damaged in its first line");
  if (head.value("version", 0) != 1) fail("has another version");
  checkpoint result;
  try {
    result.description = head.at("description");
    if (checksum(text_of(result.description)) != head.at("description_checksum")) fail("is damaged in its first line");
    std::ostringstream rest;
    rest << in.rdbuf();
    result.archive = rest.str();
    if (result.archive.size() != head.at("archive_bytes") || checksum(result.archive) != head.at("archive_checksum")) {
      fail("is damaged or ends too soon");
    }
  } catch (const nlohmann::json::exception&) {
    fail("is damaged in its first line");
  }
  return result;
}

void check_made_with(const std::string& option, const std::string& file, const nlohmann::json& description,
                     const std::string& program, const std::map<std::string, std::string>& settings,
                     const std::vector<std::string>& names) {
  const auto check = [&](const std::string& what, const std::string& own, const std::string& other) {
    if (own == other) return;
    const auto text = [](const std::string& value) { return value.empty() ? "nothing" : value; };
    throw std::runtime_error(option + ": needs the options that " + file + " was made with, " + what + " " +
                             text(other) + ", got " + text(own));
  };
  if (!description.contains("program")) {
    throw std::runtime_error(option + ": needs a trainer's checkpoint, got the network in " + file);
  }
  check("program", program, description.at("program"));
  const std::map<std::string, std::string> saved = description.at("settings");
  for (const auto& [name, value] : settings) {
    if (!names.empty() && std::count(names.begin(), names.end(), name) == 0) continue;
    const auto found = saved.find(name);
    const std::string own = nlohmann::json::parse(text_of(value));  // as a checkpoint keeps it
    check(name, own, found == saved.end() ? "missing" : found->second);
  }
}

std::string archive_bytes(torch::serialize::OutputArchive& archive) {
  std::ostringstream out;
  archive.save_to(out);
  return out.str();
}

torch::serialize::InputArchive read_archive(const std::string& bytes) {
  std::istringstream in(bytes);
  torch::serialize::InputArchive archive;
  archive.load_from(in);
  return archive;
}

}  // namespace examples
