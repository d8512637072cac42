// A plan made ready: its memory, its steps, and how long each took.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "memory.h"
#include "pool.h"
#include "step.h"

namespace logonet {

/** The widest instruction set of this CPU, or the named one; null where the CPU lacks it. */
const InstructionSet* instructionSet(const std::string& name);

struct Engine {
  Engine(const InstructionSet* set, int threads, bool pin) : set(set), pool(threads, pin) {}
  const InstructionSet* set;
  Pool pool;
};

/** A step as the plan gives it; the operands' owner. */
struct StepSource {
  int32_t op = 0;
  std::vector<Operand> inputs, outputs;
  std::vector<int32_t> integers;
  std::vector<double> reals;
};

/** Elements of a tensor. Throws std::invalid_argument for extents that are none. */
int64_t elementCount(const Operand& operand);

class Program {
 public:
  /** Throws std::bad_alloc, and std::invalid_argument where a step is malformed or an operand does not lie inside the arena. */
  Program(std::shared_ptr<Engine> engine, size_t arenaBytes, std::vector<StepSource> sources);
  /** Throws std::invalid_argument where the operand does not lie inside the arena. */
  void check(const Operand& operand) const;
  /** On the pool's leader; one at a time. `host` holds the operand's elements, contiguous. */
  void run();
  void write(const Operand& operand, const void* host);
  void read(const Operand& operand, void* host);
  size_t bytes() const { return arena_->bytes() + scratch_->bytes(); }
  Engine& engine() const { return *engine_; }
  const std::vector<double>& milliseconds() const { return milliseconds_; }

 private:
  Context context(bool measuring) const;
  size_t storedBytes(const Operand& operand) const;
  /** Where a step may read and write, for guarded builds. */
  std::vector<Range> operands(const StepSource& source) const;

  std::shared_ptr<Engine> engine_;
  std::unique_ptr<Memory> arena_, scratch_;
  std::vector<StepSource> sources_;
  std::vector<Step> steps_;
  std::vector<double> milliseconds_;
};

}  // namespace logonet
