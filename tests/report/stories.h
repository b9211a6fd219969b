#pragma once
// Runs as they are told to the readers of events, and what the framework prints meanwhile.
#include <string>
#include <variant>
#include <vector>

#include "report/event.h"
#include "report/screen.h"

namespace fittest::report {

struct TimeLeft {
  Seconds seconds = 0;
};
using Step = std::variant<Event, std::string, TimeLeft>;
using Story = std::vector<Step>;

Story quiet_story();    // everything passes, nothing happens
Story stormy_story();   // kills, pressure, requeueing, every kind of verdict, long ids
Story stopped_story();  // interrupted
Story crowded_story();  // as many lines as a summary can have

// Tells it to a Terminal on this screen.
void play(const Story& story, Screen& screen);
// Only the events.
void tell(const Story& story, Reader& reader);

}  // namespace fittest::report
