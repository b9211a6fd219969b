// A tracer of references that is not fittest's, to be set by PyRefTracer_SetTracer: counts what it is told, and may
// hand it on to another one, as polite ones do.
#include <cstdint>

namespace {

using Tracer = int(void* object, int event, void* data);

std::uint64_t counts[3];
Tracer* next = nullptr;
void* next_data = nullptr;

}  // namespace

extern "C" {

int count_reference(void* object, int event, void* data) {
  if (data == counts && event >= 0 && event <= 2) ++counts[event];
  return next ? next(object, event, next_data) : 0;
}
void* reference_counts() {
  return counts;
}
void hand_references_on_to(Tracer* tracer, void* data) {
  next = tracer;
  next_data = data;
}

}  // extern "C"
