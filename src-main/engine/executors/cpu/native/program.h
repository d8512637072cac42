// A plan made ready: its memory, its steps, and how long each took.
#pragma once
#include <memory>
#include <string>
#include <vector>

#include "pool.h"
#include "step.h"

namespace logonet {

/** Pages from the system, zeroed, on huge pages where it gives them. Throws std::bad_alloc. */
class Memory {
 public:
  explicit Memory(size_t bytes);
  ~Memory();
  Memory(const Memory&) = delete;
  Memory& operator=(const Memory&) = delete;
  char* data() const { return data_; }
  size_t bytes() const { return bytes_; }

 private:
  char* data_;
  size_t bytes_;
};

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

class Program {
 public:
  Program(std::shared_ptr<Engine> engine, size_t arenaBytes, std::vector<StepSource> sources);
  /** On the pool's leader; one at a time. */
  void run();
  void write(const Operand& operand, const void* host, bool floats);
  void read(const Operand& operand, void* host, bool floats);
  size_t bytes() const { return arena_->bytes() + scratch_->bytes(); }
  Engine& engine() const { return *engine_; }
  const std::vector<double>& milliseconds() const { return milliseconds_; }

 private:
  Context context(bool measuring) const;

  std::shared_ptr<Engine> engine_;
  std::unique_ptr<Memory> arena_, scratch_;
  std::vector<StepSource> sources_;
  std::vector<Step> steps_;
  std::vector<double> milliseconds_;
};

}  // namespace logonet
