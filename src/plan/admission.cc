// What runs next, and where: admission, backfill, and which workers start and go.
#include <algorithm>

#include "plan/scheduler_state.h"

namespace fittest::plan {

namespace {
// Starting a worker costs about this at most where it is a fork: not worth thinking about.
constexpr Seconds kCheapStart = 0.05;
}  // namespace

std::vector<Decision> Scheduler::State::decide(Seconds now) {
  lay_out_tests();
  if (beliefs_.seen() >= refresh_due_) {
    queue_.refresh();
    refresh_due_ = 2 * beliefs_.seen();
  }
  retire_worn_out();
  if (open_) {
    give_meant_batches(now);
    while (admit_one(now)) {
    }
    if (queue_.empty() && alone_.empty() && !largest_rest()) retire_free(RetireReason::no_more_work);
  } else {
    retire_for_pressure();
  }
  return std::exchange(decisions_, {});
}

// --- workers that go ---

void Scheduler::State::retire(Worker& worker, RetireReason reason) {
  if (worker.rest) queue_.push_front(*std::exchange(worker.rest, std::nullopt));
  worker.phase = Phase::retiring;
  decisions_.emplace_back(RetireWorker{worker.id, reason});
}

void Scheduler::State::retire_free(RetireReason reason) {
  for (Worker& worker : workers_.all()) {
    if (worker.is_free()) retire(worker, reason);
  }
}

void Scheduler::State::retire_worn_out() {
  for (Worker& worker : workers_.all()) {
    if (worker.phase != Phase::idle || worker.batch) continue;
    const Bytes retained = worker.held - worker.base;
    if (worker.spoiled) {
      retire(worker, RetireReason::spoiled);
    } else if (retained > limits_.retained_threshold) {
      retire(worker, RetireReason::retained);
    } else if (whole_groups(dist_) && retained > limits_.retained_threshold.scaled(0.5)) {
      retire(worker, RetireReason::group_done);
    }
  }
}

// What an idle worker holds above a fresh one is the cheapest memory to give back.
void Scheduler::State::retire_for_pressure() {
  for (Worker& worker : workers_.all()) {
    if (worker.is_free() && worker.held > machine_.worker_base.scaled(1.25)) {
      retire(worker, RetireReason::memory_needed);
    }
  }
}

// Retires free workers, the fullest first, until `need` fits. False if that is not enough, or nothing is left to do but
// wait until those that were told to go are gone.
bool Scheduler::State::make_room_for(Bytes need, bool in_fresh_worker) {
  Bytes held_free;
  Worker* fullest = nullptr;
  for (Worker& worker : workers_.all()) {
    if (!worker.is_free()) continue;
    held_free += worker.held;
    if (fullest == nullptr || worker.held > fullest->held) fullest = &worker;
  }
  const Bytes coming = room() + workers_.releasing();
  const Bytes with_base = need + machine_.worker_base;
  if (fullest == nullptr || (in_fresh_worker ? with_base : need) <= coming || with_base > coming + held_free)
    return false;
  retire(*fullest, RetireReason::memory_needed);
  return true;
}

// --- what is believed ---

const Piece& Scheduler::State::piece_of(const Source& source) const {
  return source.slot ? queue_.piece(*source.slot) : *source.owner->rest;
}

CutRules Scheduler::State::cut_rules(Seconds target, Bytes room) const {
  return {target, longest_glued(beliefs_.waiting(), machine_.workers), room, whole_groups(dist_)};
}

Least Scheduler::State::least_of(const Piece& piece) const {
  const Cut cut = cut_batch(order_, beliefs_, machine_, piece, cut_rules(0, Bytes{}));
  return {cut.need, cut.duration};
}

Seconds Scheduler::State::predicted_end(const Worker& worker, Seconds now) const {
  if (worker.phase == Phase::busy) return std::max(now, worker.batch->since + worker.batch->left);
  return now + start_time_ + worker.batch->left;
}

// When `need` will fit, as predicted, and how much what still runs then may hold in the end beside it.
Scheduler::State::Shadow Scheduler::State::shadow_of(Bytes need, Seconds now) const {
  std::vector<std::pair<Seconds, Bytes>> ends;  // of batches, with what is free then, their workers retired
  Bytes taken;
  for (const Worker& worker : workers_.all()) {
    if (!worker.batch) continue;
    ends.emplace_back(predicted_end(worker, now), worker.claim());
    taken += worker.claim();
  }
  std::sort(ends.begin(), ends.end());
  const Bytes wanted = need + machine_.worker_base;
  Shadow shadow{now, {}};
  for (const auto& [end, claim] : ends) {
    if (wanted + taken <= machine_.budget) break;
    taken -= claim;
    shadow.start = end;
  }
  shadow.beside = machine_.budget - (wanted + taken);
  return shadow;
}

bool Scheduler::State::worth_starting() const {
  const auto useful = std::count_if(workers_.all().begin(), workers_.all().end(),
                                    [](const Worker& each) { return each.phase != Phase::retiring && !each.spoiled; });
  if (useful == 0 || start_time_ <= kCheapStart) return true;
  return beliefs_.waiting() / static_cast<double>(useful) > start_time_;
}

Worker* Scheduler::State::free_worker(bool unused_only) {
  Worker* best = nullptr;
  for (Worker& worker : workers_.all()) {
    if (!worker.is_free() || (unused_only && worker.used)) continue;
    if (best == nullptr || worker.held < best->held) best = &worker;
  }
  return best;
}

Scheduler::State::Source Scheduler::State::largest_rest() {
  Source largest;
  for (Worker& worker : workers_.all()) {
    if (!worker.rest) continue;
    if (largest.owner == nullptr || worker.rest->size() > largest.owner->rest->size()) largest.owner = &worker;
  }
  return largest;
}

// --- admission ---

// Batches that waited for their worker to start. It may hold more than was thought.
void Scheduler::State::give_meant_batches(Seconds now) {
  for (Worker& worker : workers_.all()) {
    if (worker.phase != Phase::idle || !worker.batch) continue;
    const Bytes wanted = worker.claim();
    Bytes others;
    for (const Worker& other : workers_.all()) {
      if (other.id != worker.id) others += other.phase == Phase::busy ? other.claim() : other.held;
    }
    const bool single = worker.batch->piece.size() == 1;
    if (others + wanted <= machine_.budget || (worker.batch->alone && single)) {
      begin_batch(worker, now);
    } else if (wanted > machine_.budget && !worker.batch->alone) {
      give_back(worker, Unfinished::all);
      worker.batch.reset();
    } else if (!workers_.any(Phase::busy)) {
      make_way_for(worker);
      if (workers_.size() == 1) begin_batch(worker, now);
    }
  }
}

// Nothing runs, and yet the batch meant for `worker` does not fit: the others hold more than was thought.
void Scheduler::State::make_way_for(Worker& worker) {
  for (Worker& other : workers_.all()) {
    if (other.id == worker.id || other.phase != Phase::idle) continue;
    if (other.batch) {
      give_back(other, Unfinished::all);
      other.batch.reset();
    }
    retire(other, RetireReason::memory_needed);
  }
}

// Gives one batch out, or brings that about. False when there is nothing more to do now.
bool Scheduler::State::admit_one(Seconds now) {
  if (workers_.alone()) return false;
  const std::optional<Queue::Slot> first = queue_.first();
  const Source head = first ? Source{first, nullptr} : largest_rest();
  if (!alone_.empty() && (!head || dist_ == Dist::no)) return admit_alone(now);
  if (!head) return take_meant_batch(now);
  if (free_worker(false) == nullptr && !has_slot()) return false;
  if (admit_own_rest(now)) return true;

  const Piece piece = piece_of(head);
  const Least least = least_of(piece);
  if (machine_.too_large(least.need)) {
    set_apart_too_large(head);
    return true;
  }
  Worker* worker = free_worker(piece.fresh);
  if (worker == nullptr && piece.fresh && !has_slot()) {
    // A place for a fresh worker is needed, and comes free.
    if (!workers_.any(Phase::retiring)) {
      retire(*free_worker(false), RetireReason::group_done);
      return true;
    }
  } else {
    if (worker == nullptr && !(has_slot() && (piece.fresh || worth_starting()))) return false;
    const Bytes base = worker == nullptr ? machine_.worker_base : Bytes{};
    if (least.need + base <= room()) {
      dispatch(head, worker, {room() - base, room() - base, 0}, now);
      return true;
    }
    if (make_room_for(least.need, piece.fresh)) return true;
  }
  return admit_beside(head, least.need, now);
}

// A worker goes on with the piece it has begun: what the file's tests have loaded is there already.
bool Scheduler::State::admit_own_rest(Seconds now) {
  if (const std::optional<Queue::Slot> first = queue_.first()) {
    if (queue_.piece(*first).urgent || queue_.least(*first).need > room()) return false;
  }
  for (Worker& worker : workers_.all()) {
    if (!worker.is_free() || !worker.rest || least_of(*worker.rest).need > room()) continue;
    dispatch({std::nullopt, &worker}, &worker, {room(), room(), 0}, now);
    return true;
  }
  return false;
}

// Backfill: the head of the queue waits for memory; what fits beside it, or is done before it can start, goes first.
bool Scheduler::State::admit_beside(const Source& head, Bytes head_need, Seconds now) {
  if (dist_ == Dist::no) return false;
  Worker* worker = free_worker(false);
  if (worker == nullptr && !(has_slot() && worth_starting())) return false;
  const Shadow shadow = shadow_of(head_need, now);
  const Bytes base = worker == nullptr ? machine_.worker_base : Bytes{};
  const Bytes held = worker == nullptr ? machine_.worker_base : worker->held;
  Opening opening{shadow.beside - held, room() - base, shadow.start - now};
  opening.beside = std::min(opening.beside, opening.room);
  // Nothing left is nothing, even for a test that is believed to need nothing.
  if (room() < base || (shadow.beside < held && opening.slack <= 0)) return false;
  if (shadow.beside < held) opening.beside = Bytes{};

  Source found;
  if (head.slot) {
    found.slot = queue_.find_behind(
        *head.slot, opening, [&](const Piece& piece) { return !piece.fresh || worker == nullptr || !worker->used; });
  }
  if (worker != nullptr && worker->rest && worker != head.owner && opening.admits(least_of(*worker->rest))) {
    if (!found || !queue_.piece(*found.slot).urgent) found = {std::nullopt, worker};
  }
  for (Worker& owner : workers_.all()) {
    if (!found && owner.rest && &owner != head.owner && opening.admits(least_of(*owner.rest))) found.owner = &owner;
  }
  if (!found) return false;
  dispatch(found, worker, opening, now);
  return true;
}

// With nothing beside it, in a fresh worker. Comes when all else is done, so that nobody waits for it.
bool Scheduler::State::admit_alone(Seconds now) {
  Worker* unused = workers_.size() == 1 ? free_worker(true) : nullptr;
  if (unused == nullptr) {
    retire_free(RetireReason::memory_needed);
    if (workers_.size() > 0) return false;
  }
  const Piece piece = alone_.front();
  alone_.pop_front();
  // What is believed of them may have changed since.
  const Seconds duration = measure(order_, beliefs_, piece.begin, piece.end).duration;
  alone_time_ = alone_.empty() ? 0 : std::max(0.0, alone_time_ - duration);
  if (unused == nullptr) {
    unused = &workers_.start(machine_.worker_base, now);
    decisions_.emplace_back(StartWorker{unused->id});
  }
  hand_over(*unused, piece, true, now);
  return true;
}

// Nothing waits any more but for workers that are still starting: a free worker is quicker.
bool Scheduler::State::take_meant_batch(Seconds now) {
  Worker* worker = free_worker(false);
  if (worker == nullptr) return false;
  for (Worker& starting : workers_.all()) {
    if (starting.phase != Phase::starting || !starting.batch) continue;
    const Piece piece = starting.batch->piece;
    if (piece.fresh && worker->used) continue;
    starting.batch.reset();
    hand_over(*worker, piece, false, now);
    return true;
  }
  return false;
}

void Scheduler::State::set_apart_too_large(const Source& source) {
  Piece large = piece_of(source);
  Piece left = large;
  if (!whole_groups(dist_)) large.end = large.begin + 1;
  left.begin = large.end;
  put_alone(large);
  if (source.owner != nullptr) {
    source.owner->rest.reset();
    if (!left.empty()) source.owner->rest = left;
  } else if (left.empty()) {
    queue_.erase(*source.slot);
  } else {
    queue_.replace(*source.slot, left);
  }
}

// --- batches ---

// Half of what `owner` has before it, cut where no set-up is shared; all of it if there is no such place, or if the
// half's front does not fit.
Piece Scheduler::State::take_from_rest(Worker& owner, const Opening& opening) {
  Piece rest = *std::exchange(owner.rest, std::nullopt);
  const auto cuttable = [&](Place place) { return !beliefs_.shares_setup(order_.test(place)); };
  const Place middle = rest.begin + rest.size() / 2;
  Place cut = middle;
  while (cut < rest.end && !cuttable(cut)) ++cut;
  if (cut == rest.end) {
    cut = middle;
    while (cut > rest.begin && !cuttable(cut)) --cut;
  }
  Piece half = rest;
  half.begin = cut;
  if (cut == rest.begin || !opening.admits(least_of(half))) return rest;
  rest.end = cut;
  owner.rest = rest;
  return half;
}

// Cuts a batch from the front of `source` and gives it to `worker`, or to a new one. The front fits `opening`.
void Scheduler::State::dispatch(const Source& source, Worker* worker, const Opening& opening, Seconds now) {
  Piece piece = piece_of(source);
  if (source.owner != nullptr) {
    if (source.owner == worker) {
      worker->rest.reset();
    } else {
      piece = take_from_rest(*source.owner, opening);
    }
  }
  const bool fits_beside = least_of(piece).need <= opening.beside;
  Seconds target = batch_target(beliefs_.waiting(), machine_.workers);
  if (!fits_beside) target = std::min(target, opening.slack);
  const Cut cut =
      cut_batch(order_, beliefs_, machine_, piece, cut_rules(target, fits_beside ? opening.beside : opening.room));
  Piece taken = piece;
  taken.end = cut.end;
  Piece left = piece;
  left.begin = cut.end;
  const bool keep = !left.empty() && !left.urgent && dist_ != Dist::no;
  if (source.slot) {
    if (left.empty() || keep) {
      queue_.erase(*source.slot);
    } else {
      queue_.replace(*source.slot, left);
    }
  }
  if (worker == nullptr) {
    worker = &workers_.start(machine_.worker_base, now);
    decisions_.emplace_back(StartWorker{worker->id});
  }
  if (keep) {
    if (worker->rest) queue_.push_front(*worker->rest);
    worker->rest = left;
  } else if (source.owner != nullptr && !left.empty()) {
    queue_.push_front(left);
  }
  hand_over(*worker, taken, false, now);
}

void Scheduler::State::hand_over(Worker& worker, const Piece& piece, bool alone, Seconds now) {
  Batch batch;
  batch.piece = piece;
  batch.next = piece.begin;
  batch.alone = alone;
  batch.need_from.resize(piece.size() + 1);
  for (Place place = piece.end; place-- > piece.begin;) {
    const TestIndex test = order_.test(place);
    const std::size_t at = place - piece.begin;
    batch.need_from[at] = std::max(beliefs_.peak(test), beliefs_.retained(test) + batch.need_from[at + 1]);
    batch.left += beliefs_.duration(test);
    stand(test, Standing::given);
    holders_[test] = worker.id;
  }
  worker.batch = std::move(batch);
  if (worker.phase == Phase::idle) begin_batch(worker, now);
}

void Scheduler::State::begin_batch(Worker& worker, Seconds now) {
  worker.phase = Phase::busy;
  worker.batch->since = now;
  RunBatch run{worker.id, {}, worker.batch->need(), worker.batch->alone};
  run.tests.reserve(worker.batch->piece.size());
  for (Place place = worker.batch->piece.begin; place != worker.batch->piece.end; ++place) {
    run.tests.push_back(order_.test(place));
  }
  decisions_.emplace_back(std::move(run));
}

}  // namespace fittest::plan
