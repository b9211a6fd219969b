#pragma once
// One opener a kind; `open_domain` tries them in this order. Each fails with the reason why its kind is not to be had.
#include "memory/domain.h"

namespace fittest::memory {

Result<std::unique_ptr<RunDomain>> open_cgroup_v2(const DomainRequest& request);
Result<std::unique_ptr<RunDomain>> open_cgroup_v1(const DomainRequest& request);
Result<std::unique_ptr<RunDomain>> open_proc(const DomainRequest& request);

}  // namespace fittest::memory
