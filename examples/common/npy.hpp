// Reads and writes NumPy's .npy files (format versions 1 to 3), for programs that take a user's arrays.
//
// Strict where a reader can be: the size of the file must be the size that its header promises, so that a truncated or
// overwritten file is an error and never noise in the data. Arrays come back in C order whatever order the file has.
// Element types: float16, float32, float64, int8, uint8, int16, int32, int64; little-endian, as every common machine
// writes them.
#pragma once

#include <Eigen/Core>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <stdexcept>
#include <string>
#include <vector>

namespace npy {

/// The file cannot be read or written, or is not what it should be; the text starts with the path.
class error : public std::runtime_error {
 public:
  error(const std::string& path, const std::string& what) : std::runtime_error(path + ": " + what) {}
};

/// One array, C order.
struct array {
  std::vector<std::size_t> shape;
  std::string dtype;        ///< as in the file: "<f4", "<i2", "|u1", ...
  std::vector<char> bytes;  ///< the elements, the last axis running fastest

  std::size_t size() const;  ///< number of elements

  /// Elements [rows, rest] of an array [rows, ...]: every axis after the first runs together.
  std::size_t rows() const { return shape.empty() ? 1 : shape[0]; }
  std::size_t columns() const;
};

/// Reads one array.
///
/// @throws npy::error  no such file, not an .npy file, truncated, trailing bytes, an element type not named above.
inline array load(const std::string& path);

/// The elements as `T`, converted by value where the file has another type.
template <class T>
std::vector<T> elements(const array& from);

/// Writes `values` with shape `shape`, format version 1.0.
///
/// @throws npy::error  the file cannot be written.
template <class T>
void save(const std::string& path, const std::vector<std::size_t>& shape, const std::vector<T>& values);

/// NumPy's name of an element type: "<f4" for float.
template <class T>
std::string dtype_name();

// ------------------------------------------------------------------------------------------------ Implementation

namespace detail {

constexpr char magic[] = "\x93NUMPY";
constexpr std::size_t magic_size = 6;
constexpr std::size_t largest_header = 10000;  // as NumPy's own reader; a header of ours has 118 bytes

/// Bytes of one element; 0 for a type that this reader does not know.
inline std::size_t element_bytes(const std::string& dtype) {
  if (dtype == "|u1" || dtype == "|i1") return 1;
  if (dtype == "<f2" || dtype == "<i2") return 2;
  if (dtype == "<f4" || dtype == "<i4") return 4;
  if (dtype == "<f8" || dtype == "<i8") return 8;
  return 0;
}

/// The text after "'key':" in the header, a Python dictionary, whatever the order of its keys.
inline std::string value_of(const std::string& path, const std::string& header, const std::string& key) {
  const std::size_t at = header.find("'" + key + "'");
  const std::size_t colon = at == std::string::npos ? at : header.find_first_not_of(' ', at + key.size() + 2);
  if (colon == std::string::npos || header[colon] != ':') throw error(path, "corrupt .npy header: no " + key);
  const std::size_t value = header.find_first_not_of(' ', colon + 1);
  if (value == std::string::npos) throw error(path, "corrupt .npy header: no " + key);
  return header.substr(value);
}

/// "(3, 4)" as {3, 4}; "()" as {}.
inline std::vector<std::size_t> parse_shape(const std::string& path, const std::string& text) {
  const std::size_t end = text.find(')');
  if (text[0] != '(' || end == std::string::npos) throw error(path, "corrupt .npy header: bad shape");
  std::vector<std::size_t> shape;
  bool inside_number = false, after_comma = true;
  for (const char c : text.substr(1, end - 1)) {
    if (c >= '0' && c <= '9') {
      if (!inside_number && !after_comma) throw error(path, "corrupt .npy header: bad shape");
      if (!inside_number) shape.push_back(0);
      const std::size_t digit = static_cast<std::size_t>(c - '0');
      if (shape.back() > (std::numeric_limits<std::size_t>::max() - digit) / 10) {
        throw error(path, "corrupt .npy header: shape too large");
      }
      shape.back() = 10 * shape.back() + digit;
      inside_number = true;
      after_comma = false;
    } else if (c == ',' && !after_comma) {
      inside_number = false;
      after_comma = true;
    } else if (c == ' ') {
      inside_number = false;
    } else {
      throw error(path, "corrupt .npy header: bad shape");
    }
  }
  return shape;
}

/// The header's text; leaves `file` at the first element.
inline std::string read_header(const std::string& path, std::ifstream& file) {
  char start[magic_size + 2];
  if (!file.read(start, sizeof start) || std::memcmp(start, magic, magic_size) != 0) {
    throw error(path, "not an .npy file");
  }
  const int version = static_cast<unsigned char>(start[magic_size]);
  if (version < 1 || version > 3) throw error(path, "unknown .npy format version " + std::to_string(version));
  unsigned char length_bytes[4] = {};
  const std::size_t length_size = version == 1 ? 2 : 4;
  if (!file.read(reinterpret_cast<char*>(length_bytes), static_cast<std::streamsize>(length_size))) {
    throw error(path, "truncated in the .npy header");
  }
  std::size_t length = 0;
  for (std::size_t b = 0; b < 4; ++b) length |= static_cast<std::size_t>(length_bytes[b]) << (8 * b);
  if (length > largest_header) throw error(path, "corrupt .npy header: " + std::to_string(length) + " bytes long");
  std::string header(length, ' ');
  if (!file.read(&header[0], static_cast<std::streamsize>(length))) throw error(path, "truncated in the .npy header");
  return header;
}

/// The elements of a Fortran-order array, first axis fastest, in C order.
inline std::vector<char> to_c_order(const std::vector<char>& bytes, const std::vector<std::size_t>& shape,
                                    std::size_t width) {
  std::vector<char> result(bytes.size());
  std::vector<std::size_t> index(shape.size(), 0);
  for (std::size_t target = 0; target < bytes.size(); target += width) {
    std::size_t source = 0;
    for (std::size_t axis = shape.size(); axis-- > 0;) source = source * shape[axis] + index[axis];
    std::memcpy(&result[target], &bytes[source * width], width);
    for (std::size_t axis = shape.size(); axis-- > 0;) {
      if (++index[axis] < shape[axis]) break;
      index[axis] = 0;
    }
  }
  return result;
}

/// `count` elements stored as `Stored`, as `T`.
template <class T, class Stored>
std::vector<T> converted(const std::vector<char>& bytes) {
  std::vector<T> result(bytes.size() / sizeof(Stored));
  for (std::size_t i = 0; i < result.size(); ++i) {
    Stored value;
    std::memcpy(static_cast<void*>(&value), &bytes[i * sizeof(Stored)], sizeof(Stored));
    result[i] = static_cast<T>(value);
  }
  return result;
}

}  // namespace detail

template <>
inline std::string dtype_name<float>() {
  return "<f4";
}
template <>
inline std::string dtype_name<double>() {
  return "<f8";
}
template <>
inline std::string dtype_name<std::uint8_t>() {
  return "|u1";
}
template <>
inline std::string dtype_name<std::int16_t>() {
  return "<i2";
}
template <>
inline std::string dtype_name<std::int32_t>() {
  return "<i4";
}
template <>
inline std::string dtype_name<std::int64_t>() {
  return "<i8";
}

inline std::size_t array::size() const {
  std::size_t product = 1;
  for (const std::size_t extent : shape) product *= extent;  // `load` has checked that it fits
  return product;
}

inline std::size_t array::columns() const {
  std::size_t product = 1;
  for (std::size_t axis = 1; axis < shape.size(); ++axis) product *= shape[axis];
  return product;
}

inline array load(const std::string& path) {
  std::error_code failed;
  if (!std::filesystem::exists(path, failed)) throw error(path, "no such file");
  if (!std::filesystem::is_regular_file(path, failed)) throw error(path, "not a file");
  std::ifstream file(path, std::ios::binary);
  if (!file) throw error(path, "cannot be read");
  const std::string header = detail::read_header(path, file);

  array result;
  const std::string type = detail::value_of(path, header, "descr");
  const std::size_t quote = type.find('\'', 1);
  if (type[0] == '\'' && quote != std::string::npos) result.dtype = type.substr(1, quote - 1);
  const std::size_t width = detail::element_bytes(result.dtype);
  if (width == 0) {
    throw error(path,
                "needs dtype float16, float32, float64, int8, uint8, int16, int32 or int64 (little-endian), got " +
                    (result.dtype.empty() ? std::string("a structured one") : "'" + result.dtype + "'"));
  }
  const std::string order = detail::value_of(path, header, "fortran_order");
  const bool fortran_order = order.rfind("True", 0) == 0;
  if (!fortran_order && order.rfind("False", 0) != 0) throw error(path, "corrupt .npy header: bad fortran_order");
  result.shape = detail::parse_shape(path, detail::value_of(path, header, "shape"));

  // An extent of 0 must not hide an overflow of the others: they are multiplied as 1.
  std::size_t padded_bytes = width;
  for (const std::size_t extent : result.shape) {
    const std::size_t factor = std::max<std::size_t>(extent, 1);
    if (padded_bytes > static_cast<std::size_t>(std::numeric_limits<std::ptrdiff_t>::max()) / factor) {
      throw error(path, "corrupt .npy header: shape too large");
    }
    padded_bytes *= factor;
  }
  const std::size_t promised = result.size() * width;
  const auto present =
      static_cast<std::size_t>(std::filesystem::file_size(path)) - static_cast<std::size_t>(file.tellg());
  if (present != promised) {
    throw error(path, (present < promised ? "truncated: " : "too long: ") + std::string("the header promises ") +
                          std::to_string(promised) + " bytes of elements, the file has " + std::to_string(present));
  }
  result.bytes.resize(promised);
  if (!file.read(result.bytes.data(), static_cast<std::streamsize>(promised))) throw error(path, "cannot be read");
  if (fortran_order && result.shape.size() > 1) {
    result.bytes = detail::to_c_order(result.bytes, result.shape, width);
  }
  return result;
}

template <class T>
std::vector<T> elements(const array& from) {
  if (from.dtype == "<f2") return detail::converted<T, Eigen::half>(from.bytes);
  if (from.dtype == "<f4") return detail::converted<T, float>(from.bytes);
  if (from.dtype == "<f8") return detail::converted<T, double>(from.bytes);
  if (from.dtype == "|i1") return detail::converted<T, std::int8_t>(from.bytes);
  if (from.dtype == "|u1") return detail::converted<T, std::uint8_t>(from.bytes);
  if (from.dtype == "<i2") return detail::converted<T, std::int16_t>(from.bytes);
  if (from.dtype == "<i4") return detail::converted<T, std::int32_t>(from.bytes);
  if (from.dtype == "<i8") return detail::converted<T, std::int64_t>(from.bytes);
  throw std::invalid_argument("npy::elements: needs an array from npy::load, got dtype '" + from.dtype + "'");
}

template <class T>
void save(const std::string& path, const std::vector<std::size_t>& shape, const std::vector<T>& values) {
  std::string header = "{'descr': '" + dtype_name<T>() + "', 'fortran_order': False, 'shape': (";
  for (const std::size_t extent : shape) header += std::to_string(extent) + (shape.size() == 1 ? "," : ", ");
  if (shape.size() > 1) header.resize(header.size() - 2);
  header += "), }";
  const std::size_t before = detail::magic_size + 4;
  header.append((64 - (before + header.size() + 1) % 64) % 64, ' ');  // elements start at a multiple of 64
  header += '\n';

  std::ofstream file(path, std::ios::binary);
  if (!file) throw error(path, "cannot be written");
  file.write(detail::magic, detail::magic_size);
  const char version_and_length[4] = {1, 0, static_cast<char>(header.size() & 0xff),
                                      static_cast<char>(header.size() >> 8)};
  file.write(version_and_length, 4);
  file << header;
  file.write(reinterpret_cast<const char*>(values.data()), static_cast<std::streamsize>(values.size() * sizeof(T)));
  file.close();
  if (!file) throw error(path, "cannot be written");
}

}  // namespace npy
