#pragma once
// What the session and the workers tell, out of the payloads of their frames (protocol.h). A test can write whatever it
// likes to its worker's connection: nothing that arrives here is believed to be well formed.
#include <optional>
#include <string_view>

#include "core/test_list.h"
#include "suite/suite.h"

namespace fittest::suite::pytest {

// Of `tests`: adds those that are there whole.
void decode_tests(std::string_view payload, TestList& tests);
// Of `started`: nothing if it is cut off.
std::optional<TestIndex> decode_test(std::string_view payload);
// Of `finished` and `amended`: nothing if they are cut off. Whether there is such a test is for the caller to see.
std::optional<TestEnd> decode_test_end(WorkerId worker, std::string_view payload);
std::optional<TestAmendment> decode_amendment(WorkerId worker, std::string_view payload);
// Of a worker's `asks_to_stop`, and of the session's `stop`: nothing if that is no JSON object, or of no
// known kind.
std::optional<StopRequest> decode_stop_request(std::string_view payload);
std::optional<StopRequest> decode_session_stop(std::string_view payload);

}  // namespace fittest::suite::pytest
