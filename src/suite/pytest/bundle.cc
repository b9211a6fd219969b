#include "suite/pytest/bundle.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <nlohmann/json.hpp>
#include <string_view>

namespace fittest::suite::pytest {
namespace {

struct Source {
  std::string_view name;
  std::string_view text;
};
constexpr auto kSources = std::to_array<Source>({
#include "plugin_sources.inc"
});

}  // namespace

Result<Bundle> make_bundle(const std::string& python, nlohmann::json setup, const std::vector<std::string>& arguments) {
  std::string start;
  nlohmann::json modules = nlohmann::json::object();
  for (const Source& source : kSources) {
    if (source.name == "bootstrap") {
      start = source.text;
    } else if (source.name == "__init__") {
      modules["fittest_pytest"] = source.text;
    } else {
      modules["fittest_pytest." + std::string(source.name)] = source.text;
    }
  }
  setup["modules"] = std::move(modules);
  setup["arguments"] = arguments;
  // Arguments may be any bytes; JSON is UTF-8. What is none of it cannot name a file that pytest could print either.
  const std::string text = setup.dump(-1, ' ', false, nlohmann::json::error_handler_t::replace);

  Descriptor content(::memfd_create("fittest-pytest", MFD_CLOEXEC));
  if (!content) return system_failure(errno, "cannot make a file in memory");
  for (std::size_t done = 0; done < text.size();) {
    const ssize_t wrote = ::write(content.get(), text.data() + done, text.size() - done);
    if (wrote < 0 && errno == EINTR) continue;
    if (wrote < 0) return system_failure(errno, "cannot write a file in memory");
    done += static_cast<std::size_t>(wrote);
  }
  std::vector<std::string> command{python, "-c", "DESCRIPTOR = " + std::to_string(content.get()) + "\n" + start};
  return Bundle{std::move(content), std::move(command)};
}

}  // namespace fittest::suite::pytest
