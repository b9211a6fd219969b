#include "heap/view/pprof.h"

#include <zlib.h>

#include <cmath>
#include <map>
#include <protozero/pbf_writer.hpp>
#include <unordered_map>

#include "core/utf8.h"

namespace fittest::heap {
namespace {

// Numbers of the fields, from the published definition (perftools.profiles).
namespace profile_field {
enum : protozero::pbf_tag_type {
  sample_type = 1,
  sample = 2,
  mapping = 3,
  location = 4,
  function = 5,
  string_table = 6,
  duration_nanos = 10,
  period_type = 11,
  period = 12,
  comment = 13,
  default_sample_type = 14
};
}
namespace value_type_field {
enum : protozero::pbf_tag_type { type = 1, unit = 2 };
}
namespace sample_field {
enum : protozero::pbf_tag_type { location_id = 1, value = 2, label = 3 };
}
namespace label_field {
enum : protozero::pbf_tag_type { key = 1, str = 2 };
}
namespace mapping_field {
enum : protozero::pbf_tag_type {
  id = 1,
  memory_start = 2,
  memory_limit = 3,
  filename = 5,
  build_id = 6,
  has_functions = 7,
  has_filenames = 8,
  has_line_numbers = 9,
  has_inline_frames = 10
};
}
namespace location_field {
enum : protozero::pbf_tag_type { id = 1, mapping_id = 2, address = 3, line = 4 };
}
namespace line_field {
enum : protozero::pbf_tag_type { function_id = 1, line = 2 };
}
namespace function_field {
enum : protozero::pbf_tag_type { id = 1, name = 2, system_name = 3, filename = 4 };
}

class Strings {
 public:
  Strings() { number(""); }
  std::int64_t number(std::string_view text) {
    const auto [at, is_new] = index_.try_emplace(valid_utf8(text), static_cast<std::int64_t>(all_.size()));
    if (is_new) all_.push_back(&at->first);
    return at->second;
  }
  [[nodiscard]] const std::vector<const std::string*>& all() const { return all_; }

 private:
  std::unordered_map<std::string, std::int64_t> index_;  // its nodes stay where they are
  std::vector<const std::string*> all_;
};

std::string hexadecimal(std::string_view bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char c : bytes) {
    out += kDigits[static_cast<unsigned char>(c) >> 4U];
    out += kDigits[static_cast<unsigned char>(c) & 15U];
  }
  return out;
}

std::int64_t whole(double value) {
  return std::isfinite(value) && value < 9e18 && value > -9e18 ? std::llround(value) : 0;
}

class Message {
 public:
  Message(const Stacks& stacks, const Profile& about) : stacks_(stacks), about_(about), writer_(out_) {}

  std::string make(Measure by) {
    for (const Measure measure : kMeasures) {
      value_type(profile_field::sample_type, std::string(pprof_name(measure)) + "_objects", "count");
      value_type(profile_field::sample_type, std::string(pprof_name(measure)) + "_space", "bytes");
    }
    samples();
    mappings();
    locations();
    functions();
    writer_.add_int64(profile_field::duration_nanos, static_cast<std::int64_t>(about_.milliseconds) * 1'000'000);
    value_type(profile_field::period_type, "space", "bytes");
    writer_.add_int64(profile_field::period, static_cast<std::int64_t>(about_.period));
    for (const std::string& problem : about_.problems)
      writer_.add_int64(profile_field::comment, strings_.number(problem));
    writer_.add_int64(profile_field::default_sample_type, strings_.number(std::string(pprof_name(by)) + "_space"));
    for (const std::string* text : strings_.all()) writer_.add_string(profile_field::string_table, *text);
    return std::move(out_);
  }

 private:
  static std::string_view pprof_name(Measure measure) {
    switch (measure) {
      case Measure::peak:
        return "peak";
      case Measure::total:
        return "alloc";
      case Measure::leaked:
        return "inuse";
      case Measure::temporary:
        return "temporary";
    }
    return "";
  }

  void value_type(protozero::pbf_tag_type field, const std::string& type, const std::string& unit) {
    protozero::pbf_writer message(writer_, field);
    message.add_int64(value_type_field::type, strings_.number(type));
    message.add_int64(value_type_field::unit, strings_.number(unit));
  }

  // A location is a frame with its line; their ids begin at 1.
  void samples() {
    for (const StackRow& row : stacks_.rows) {
      protozero::pbf_writer message(writer_, profile_field::sample);
      std::vector<std::uint64_t> ids;
      for (const std::uint32_t frame : row.frames) ids.push_back(std::uint64_t{frame} + 1);
      message.add_packed_uint64(sample_field::location_id, ids.begin(), ids.end());
      std::vector<std::int64_t> values;
      for (const Amount& amount : row.amounts) {
        values.push_back(whole(amount.count));
        values.push_back(whole(amount.bytes));
      }
      message.add_packed_int64(sample_field::value, values.begin(), values.end());
      if (row.kind != trace::Kind::heap) {
        protozero::pbf_writer label(message, sample_field::label);
        label.add_int64(label_field::key, strings_.number("kind"));
        label.add_int64(label_field::str, strings_.number(word(row.kind)));
      }
    }
  }

  // The program comes first, as pprof expects: it names the profile after it.
  void mappings() {
    mapping_of_.emplace(about_.program, 1);
    for (const Line& line : stacks_.lines) {
      if (!line.module.empty()) mapping_of_.emplace(line.module, mapping_of_.size() + 1);
    }
    std::vector<const std::string*> in_order(mapping_of_.size());
    for (const auto& [path, id] : mapping_of_) in_order[id - 1] = &path;
    for (std::size_t i = 0; i < in_order.size(); ++i) {
      protozero::pbf_writer message(writer_, profile_field::mapping);
      message.add_uint64(mapping_field::id, i + 1);
      message.add_int64(mapping_field::filename, strings_.number(*in_order[i]));
      for (const Module& module : about_.modules) {
        if (module.path != *in_order[i]) continue;
        message.add_uint64(mapping_field::memory_start, module.begin);
        message.add_uint64(mapping_field::memory_limit, module.end);
        if (!module.build_id.empty()) {
          message.add_int64(mapping_field::build_id, strings_.number(hexadecimal(module.build_id)));
        }
        break;
      }
      // All names are in the file: nothing is left for pprof to look up.
      message.add_bool(mapping_field::has_functions, true);
      message.add_bool(mapping_field::has_filenames, true);
      message.add_bool(mapping_field::has_line_numbers, true);
      message.add_bool(mapping_field::has_inline_frames, true);
    }
  }

  void locations() {
    for (std::size_t i = 0; i < stacks_.lines.size(); ++i) {
      const Line& line = stacks_.lines[i];
      const auto [function, is_new] =
          function_of_.try_emplace({line.function, line.file}, static_cast<std::uint64_t>(function_of_.size() + 1));
      protozero::pbf_writer message(writer_, profile_field::location);
      message.add_uint64(location_field::id, i + 1);
      const auto mapping = mapping_of_.find(line.module);
      message.add_uint64(location_field::mapping_id, mapping == mapping_of_.end() ? 1 : mapping->second);
      protozero::pbf_writer place(message, location_field::line);
      place.add_uint64(line_field::function_id, function->second);
      place.add_int64(line_field::line, line.line);
    }
  }

  void functions() {
    for (const auto& [names, id] : function_of_) {
      protozero::pbf_writer message(writer_, profile_field::function);
      message.add_uint64(function_field::id, id);
      message.add_int64(function_field::name, strings_.number(names.first));
      message.add_int64(function_field::system_name, strings_.number(names.first));
      message.add_int64(function_field::filename, strings_.number(names.second));
    }
  }

  const Stacks& stacks_;
  const Profile& about_;
  std::string out_;
  protozero::pbf_writer writer_;
  Strings strings_;
  std::map<std::string, std::uint64_t> mapping_of_;
  std::map<std::pair<std::string, std::string>, std::uint64_t> function_of_;
};

Result<std::string> gzip(std::string_view bytes) {
  constexpr int kGzip = 16 + MAX_WBITS;
  constexpr int kMemory = 8;
  z_stream stream{};
  if (::deflateInit2(&stream, Z_BEST_SPEED, Z_DEFLATED, kGzip, kMemory, Z_DEFAULT_STRATEGY) != Z_OK) {
    return failure("cannot compress: no memory for it", "pprof");
  }
  std::string out(::deflateBound(&stream, bytes.size()), '\0');
  // zlib takes the input as it is and does not change it; 4 GiB are the most for one call.
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  std::size_t left = bytes.size();
  std::size_t room = out.size();
  int code = Z_OK;
  while (code == Z_OK) {
    stream.avail_in = static_cast<uInt>(std::min<std::size_t>(left, UINT32_MAX));
    stream.avail_out = static_cast<uInt>(std::min<std::size_t>(room, UINT32_MAX));
    const uInt in_before = stream.avail_in;
    const uInt out_before = stream.avail_out;
    code = ::deflate(&stream, left == in_before ? Z_FINISH : Z_NO_FLUSH);
    left -= in_before - stream.avail_in;
    room -= out_before - stream.avail_out;
  }
  out.resize(out.size() - room);
  ::deflateEnd(&stream);
  if (code != Z_STREAM_END) return failure("cannot compress: zlib failed", "pprof");
  return out;
}

}  // namespace

std::string pprof_message(const Stacks& stacks, const Profile& about, Measure by) {
  return Message(stacks, about).make(by);
}

Result<std::string> pprof_file(const Stacks& stacks, const Profile& about, Measure by) {
  return gzip(pprof_message(stacks, about, by));
}

}  // namespace fittest::heap
