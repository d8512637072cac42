#include "program.h"

#include <algorithm>
#include <chrono>
#include <cstring>
#include <new>
#include <stdexcept>

#if defined(_WIN32)
#include <malloc.h>
#else
#include <sys/mman.h>
#endif

namespace logonet {

Memory::Memory(size_t bytes) : data_(nullptr), bytes_(std::max<size_t>(bytes, 64)) {
#if defined(_WIN32)
  data_ = static_cast<char*>(_aligned_malloc(bytes_, 4096));
  if (!data_) throw std::bad_alloc();
  std::memset(data_, 0, bytes_);
#else
  void* pages = mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (pages == MAP_FAILED) throw std::bad_alloc();
  data_ = static_cast<char*>(pages);
#if defined(MADV_HUGEPAGE)
  madvise(pages, bytes_, MADV_HUGEPAGE);
#endif
#endif
}

Memory::~Memory() {
#if defined(_WIN32)
  _aligned_free(data_);
#else
  munmap(data_, bytes_);
#endif
}

const InstructionSet* instructionSet(const std::string& name) {
#if defined(__x86_64__) || defined(_M_X64)
  const bool has512 = __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512bw");
  const bool has256 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
  if ((name.empty() || name == "avx512") && has512) return avx512();
  if ((name.empty() || name == "avx2") && has256) return avx2();
#endif
  return name.empty() || name == "baseline" ? baseline() : nullptr;
}

Program::Program(std::shared_ptr<Engine> engine, size_t arenaBytes, std::vector<StepSource> sources)
    : engine_(std::move(engine)), arena_(std::make_unique<Memory>(arenaBytes)), sources_(std::move(sources)), milliseconds_(sources_.size()) {
  for (const StepSource& source : sources_) {
    if (source.op < 0 || source.op >= static_cast<int32_t>(Op::count) || source.integers.size() > 8 || source.reals.size() > 6) throw std::invalid_argument("malformed step");
    Step step{};
    step.op = static_cast<Op>(source.op);
    step.inputCount = static_cast<int32_t>(source.inputs.size());
    step.outputCount = static_cast<int32_t>(source.outputs.size());
    step.inputs = source.inputs.data();
    step.outputs = source.outputs.data();
    std::copy(source.integers.begin(), source.integers.end(), step.integers);
    std::copy(source.reals.begin(), source.reals.end(), step.reals);
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

void Program::run() {
  for (size_t i = 0; i < steps_.size(); i++) {
    const auto start = std::chrono::steady_clock::now();
    Context running = context(false);
    engine_->set->run(running, steps_[i]);
    milliseconds_[i] = std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count();
  }
}

namespace {
size_t logicalBytes(const Operand& operand) {
  size_t bytes = 4;
  for (int i = 0; i < operand.rank; i++) bytes *= static_cast<size_t>(operand.dims[i]);
  return bytes;
}
}  // namespace

void Program::write(const Operand& operand, const void* host, bool floats) {
  char* to = arena_->data() + operand.offset;
  Context running = context(false);
  if (floats)
    engine_->set->pack(running, static_cast<const float*>(host), reinterpret_cast<float*>(to), operand);
  else
    std::memcpy(to, host, logicalBytes(operand));
}

void Program::read(const Operand& operand, void* host, bool floats) {
  const char* from = arena_->data() + operand.offset;
  Context running = context(false);
  if (floats)
    engine_->set->unpack(running, reinterpret_cast<const float*>(from), static_cast<float*>(host), operand);
  else
    std::memcpy(host, from, logicalBytes(operand));
}

}  // namespace logonet
