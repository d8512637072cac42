#include "program.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <stdexcept>

namespace logonet {

const InstructionSet* instructionSet(const std::string& name) {
#if defined(__x86_64__) || defined(_M_X64)
  const bool has512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  const bool has256 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if ((name.empty() || name == "avx512") && has512) return avx512();
  if ((name.empty() || name == "avx2") && has256) return avx2();
  if (name == "avx2wide" && has256) return avx2wide(); // for tests: never chosen by itself
#endif
  return name.empty() || name == "baseline" ? baseline() : nullptr;
}

Program::Program(std::shared_ptr<Engine> engine, size_t arenaBytes, std::vector<StepSource> sources)
    : engine_(std::move(engine)), arena_(std::make_unique<Memory>(arenaBytes)), sources_(std::move(sources)), milliseconds_(sources_.size()) {
  for (const StepSource& source : sources_) {
    if (source.op < 0 || source.op >= static_cast<int32_t>(Op::count)) throw std::invalid_argument("malformed step");
    for (const Operand& operand : source.inputs) check(operand);
    for (const Operand& operand : source.outputs) check(operand);
    Step step{};
    step.op = static_cast<Op>(source.op);
    step.inputCount = static_cast<int32_t>(source.inputs.size());
    step.outputCount = static_cast<int32_t>(source.outputs.size());
    step.inputs = source.inputs.data();
    step.outputs = source.outputs.data();
    step.integers = source.integers.data();
    step.integerCount = static_cast<int32_t>(source.integers.size());
    step.reals = source.reals.data();
    step.realCount = static_cast<int32_t>(source.reals.size());
    steps_.push_back(step);
  }
  size_t scratchBytes = 0;
  for (const Step& step : steps_) {
    Context measuring = context(true);
    engine_->set->run(measuring, step);
    scratchBytes = std::max(scratchBytes, measuring.scratchUsed);
  }
  scratch_ = std::make_unique<Memory>(scratchBytes);
}

Context Program::context(bool measuring) const {
  return {arena_->data(), scratch_ ? scratch_->data() : nullptr, 0, measuring, engine_->pool.threads(), &engine_->pool};
}

int64_t elementCount(const Operand& operand) {
  int64_t count = 1;
  for (int i = 0; i < operand.rank; i++)
    if (operand.dims[i] < 1 || __builtin_mul_overflow(count, static_cast<int64_t>(operand.dims[i]), &count)) throw std::invalid_argument("a tensor of an impossible length");
  return count;
}

/** As kernels/layout.h stores it: channels in whole blocks. */
size_t Program::storedBytes(const Operand& operand) const {
  int64_t count = elementCount(operand);
  if (operand.rank >= 5 && !operand.integers) {
    const int64_t channels = operand.dims[1], block = engine_->set->block, padded = (channels + block - 1) / block * block;
    if (__builtin_mul_overflow(count / channels, padded, &count)) throw std::invalid_argument("a tensor of an impossible length");
  }
  if (count > INT64_MAX / 8) throw std::invalid_argument("a tensor of an impossible length");
  return static_cast<size_t>(count) * 4;
}

void Program::check(const Operand& operand) const {
  const size_t bytes = storedBytes(operand);
  const bool inside = operand.offset >= 0 && operand.offset % 64 == 0 && bytes <= arena_->bytes() && static_cast<size_t>(operand.offset) <= arena_->bytes() - bytes;
  if (!inside) throw std::invalid_argument("a tensor outside the program's memory");
}

std::vector<Range> Program::operands(const StepSource& source) const {
  std::vector<Range> ranges;
  if (!guarded) return ranges;
  for (const auto* list : {&source.inputs, &source.outputs})
    for (const Operand& operand : *list) ranges.push_back({operand.offset, storedBytes(operand)});
  return ranges;
}

void Program::run() {
  for (size_t i = 0; i < steps_.size(); i++) {
    const auto start = std::chrono::steady_clock::now();
    Context running = context(false);
    const Exposed exposed(*arena_, operands(sources_[i]));
    engine_->set->run(running, steps_[i]);
    milliseconds_[i] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
}

void Program::write(const Operand& operand, const void* host) {
  const Exposed exposed(*arena_, {{operand.offset, storedBytes(operand)}});
  char* to = arena_->data() + operand.offset;
  Context running = context(false);
  if (operand.integers)
    std::memcpy(to, host, storedBytes(operand));
  else
    engine_->set->pack(running, static_cast<const float*>(host), reinterpret_cast<float*>(to), operand);
}

void Program::read(const Operand& operand, void* host) {
  const Exposed exposed(*arena_, {{operand.offset, storedBytes(operand)}});
  const char* from = arena_->data() + operand.offset;
  Context running = context(false);
  if (operand.integers)
    std::memcpy(host, from, storedBytes(operand));
  else
    engine_->set->unpack(running, reinterpret_cast<const float*>(from), static_cast<float*>(host), operand);
}

}  // namespace logonet
