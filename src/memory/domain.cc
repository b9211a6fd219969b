#include "memory/domain.h"

#include "memory/domain_kinds.h"

namespace fittest::memory {
namespace {

Result<std::unique_ptr<RunDomain>> open_kind(DomainKind kind, const DomainRequest& request) {
  switch (kind) {
    case DomainKind::cgroup_v2:
      return open_cgroup_v2(request);
    case DomainKind::cgroup_v1:
      return open_cgroup_v1(request);
    case DomainKind::proc:
      break;
  }
  return open_proc(request);
}

std::string one_line(const Error& error) {
  std::string line = error.where.empty() ? error.what : error.where + ": " + error.what;
  if (!error.remedy.empty()) line += " (" + error.remedy + ")";
  return line;
}

}  // namespace

std::string_view name(DomainKind kind) {
  switch (kind) {
    case DomainKind::cgroup_v2:
      return "cgroup v2";
    case DomainKind::cgroup_v1:
      return "cgroup v1";
    case DomainKind::proc:
      break;
  }
  return "/proc sampling";
}

Result<OpenedDomain> open_domain(const DomainRequest& request) {
  if (request.only_kind) {
    auto opened = open_kind(*request.only_kind, request);
    if (!opened) {
      return failure(
          "memory domain \"" + std::string(name(*request.only_kind)) + "\" cannot be had here: " + opened.error().what,
          opened.error().where, opened.error().remedy);
    }
    return OpenedDomain{std::move(*opened), {}};
  }
  OpenedDomain result;
  for (const DomainKind kind : {DomainKind::cgroup_v2, DomainKind::cgroup_v1, DomainKind::proc}) {
    auto opened = open_kind(kind, request);
    if (opened) {
      result.domain = std::move(*opened);
      return result;
    }
    result.reasons.push_back(std::string(name(kind)) + ": " + one_line(opened.error()));
  }
  std::string all;
  for (const std::string& reason : result.reasons) all += (all.empty() ? "" : "; ") + reason;
  return failure("no memory domain of any kind works here: " + all);
}

}  // namespace fittest::memory
