// The N-API face of the engine: Engine (threads and instruction set) and Program (a prepared plan). Work runs off the JavaScript thread.
#include <napi.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <new>
#include <string>

#include "program.h"

namespace {

using namespace logonet;

/** Runs on the engine's pool; the promise settles on the JavaScript thread. Keeps the given value alive until then. */
class PoolTask : public Napi::AsyncWorker {
 public:
  PoolTask(Napi::Env env, std::function<void()> work, Napi::Value kept) : Napi::AsyncWorker(env), work_(std::move(work)), deferred_(Napi::Promise::Deferred::New(env)) {
    if (kept.IsObject()) kept_ = Napi::Persistent(kept.As<Napi::Object>());
  }
  Napi::Promise promise() const { return deferred_.Promise(); }
  void Execute() override { work_(); }
  void OnOK() override { deferred_.Resolve(Env().Undefined()); }
  void OnError(const Napi::Error& error) override { deferred_.Reject(error.Value()); }

 private:
  std::function<void()> work_;
  Napi::Promise::Deferred deferred_;
  Napi::ObjectReference kept_;
};

Napi::Value start(Napi::Env env, std::function<void()> work, Napi::Value kept) {
  auto* task = new PoolTask(env, std::move(work), kept);
  const Napi::Promise promise = task->promise();
  task->Queue();
  return promise;
}

Operand operandOf(const Napi::Object& value) {
  Operand operand{};
  operand.offset = value.Get("offset").As<Napi::Number>().Int64Value();
  const auto shape = value.Get("shape").As<Napi::Array>();
  if (shape.Length() > 6) throw Napi::Error::New(value.Env(), "a tensor of more than six axes");
  operand.rank = static_cast<int32_t>(shape.Length());
  for (uint32_t i = 0; i < shape.Length(); i++) operand.dims[i] = shape.Get(i).As<Napi::Number>().Int32Value();
  return operand;
}

std::vector<Operand> operandsOf(const Napi::Value& value) {
  const auto list = value.As<Napi::Array>();
  std::vector<Operand> operands;
  for (uint32_t i = 0; i < list.Length(); i++) operands.push_back(operandOf(list.Get(i).As<Napi::Object>()));
  return operands;
}

class EngineObject : public Napi::ObjectWrap<EngineObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Engine",
                       {InstanceAccessor<&EngineObject::name>("instructionSet"), InstanceAccessor<&EngineObject::block>("block"), InstanceAccessor<&EngineObject::threads>("threads"),
                        InstanceMethod<&EngineObject::peak>("peak"), InstanceMethod<&EngineObject::dispose>("dispose")});
  }
  /** (threads, instruction set or '', pin) */
  explicit EngineObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<EngineObject>(info) {
    const std::string wanted = info[1].As<Napi::String>();
    const InstructionSet* set = instructionSet(wanted);
    if (!set) throw Napi::Error::New(info.Env(), "this CPU lacks the instruction set " + wanted);
    engine = std::make_shared<Engine>(set, info[0].As<Napi::Number>().Int32Value(), info[2].As<Napi::Boolean>().Value());
  }
  std::shared_ptr<Engine> engine;

 private:
  Napi::Value name(const Napi::CallbackInfo& info) { return Napi::String::New(info.Env(), alive(info)->set->name); }
  Napi::Value block(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), alive(info)->set->block); }
  Napi::Value threads(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), alive(info)->pool.threads()); }
  void dispose(const Napi::CallbackInfo&) { engine.reset(); }
  std::shared_ptr<Engine> alive(const Napi::CallbackInfo& info) const {
    if (!engine) throw Napi::Error::New(info.Env(), "the engine was disposed");
    return engine;
  }
  /** GFLOP/s of multiply-adds that touch no memory, all threads, best of several rounds. */
  Napi::Value peak(const Napi::CallbackInfo& info) {
    const auto held = alive(info);
    double best = 0;
    held->pool.execute([&] {
      // Short attempts: on a busy machine some of them run undisturbed.
      for (int attempt = 0; attempt < 200; attempt++) {
        constexpr int64_t rounds = 200000;
        std::atomic<double> operations{0};
        struct Shared {
          const InstructionSet* set;
          std::atomic<double>* operations;
        } shared{held->set, &operations};
        const auto begin = std::chrono::steady_clock::now();
        held->pool.parallel(
            held->pool.threads(), 1,
            [](void* data, int64_t first, int64_t end) {
              auto* state = static_cast<Shared*>(data);
              for (int64_t i = first; i < end; i++) {
                float sink[3] = {0.999f, 0.001f, 0.0f};
                const double made = state->set->multiplyAdd(rounds, sink);
                double before = state->operations->load();
                while (!state->operations->compare_exchange_weak(before, before + made)) {}
              }
            },
            &shared);
        const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
        best = std::max(best, operations.load() / seconds / 1e9);
      }
    });
    return Napi::Number::New(info.Env(), best);
  }
};

class ProgramObject : public Napi::ObjectWrap<ProgramObject> {
 public:
  static Napi::Function define(Napi::Env env) {
    return DefineClass(env, "Program",
                       {InstanceMethod<&ProgramObject::run>("run"), InstanceMethod<&ProgramObject::write>("write"), InstanceMethod<&ProgramObject::read>("read"),
                        InstanceMethod<&ProgramObject::milliseconds>("milliseconds"), InstanceMethod<&ProgramObject::dispose>("dispose"), InstanceAccessor<&ProgramObject::bytes>("bytes")});
  }
  /** (engine, arena bytes, steps) */
  explicit ProgramObject(const Napi::CallbackInfo& info) : Napi::ObjectWrap<ProgramObject>(info) {
    const auto engine = EngineObject::Unwrap(info[0].As<Napi::Object>())->engine;
    if (!engine) throw Napi::Error::New(info.Env(), "the engine was disposed");
    const auto list = info[2].As<Napi::Array>();
    std::vector<StepSource> sources;
    for (uint32_t i = 0; i < list.Length(); i++) {
      const auto step = list.Get(i).As<Napi::Object>();
      StepSource source;
      source.op = step.Get("code").As<Napi::Number>().Int32Value();
      source.inputs = operandsOf(step.Get("inputs"));
      source.outputs = operandsOf(step.Get("outputs"));
      const auto integers = step.Get("integers").As<Napi::Array>(), reals = step.Get("reals").As<Napi::Array>();
      for (uint32_t k = 0; k < integers.Length(); k++) source.integers.push_back(integers.Get(k).As<Napi::Number>().Int32Value());
      for (uint32_t k = 0; k < reals.Length(); k++) source.reals.push_back(reals.Get(k).As<Napi::Number>().DoubleValue());
      sources.push_back(std::move(source));
    }
    try {
      program = std::make_shared<Program>(engine, static_cast<size_t>(info[1].As<Napi::Number>().Int64Value()), std::move(sources));
    } catch (const std::bad_alloc&) {
      throw Napi::Error::New(info.Env(), "out of memory");
    } catch (const std::exception& error) {
      throw Napi::Error::New(info.Env(), error.what());
    }
  }

 private:
  std::shared_ptr<Program> program;

  std::shared_ptr<Program> alive(const Napi::CallbackInfo& info) const {
    if (!program) throw Napi::Error::New(info.Env(), "the program was disposed");
    return program;
  }
  Napi::Value run(const Napi::CallbackInfo& info) {
    const auto held = alive(info);
    return start(info.Env(), [held] { held->engine().pool.execute([&] { held->run(); }); }, info.This());
  }
  /** (operand, typed array) */
  Napi::Value write(const Napi::CallbackInfo& info) {
    const auto held = alive(info);
    const Operand operand = operandOf(info[0].As<Napi::Object>());
    const auto array = info[1].As<Napi::TypedArray>();
    const bool floats = array.TypedArrayType() == napi_float32_array;
    const void* host = static_cast<const char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    return start(info.Env(), [=] { held->engine().pool.execute([&] { held->write(operand, host, floats); }); }, info[1]);
  }
  /** (operand, typed array that receives it) */
  Napi::Value read(const Napi::CallbackInfo& info) {
    const auto held = alive(info);
    const Operand operand = operandOf(info[0].As<Napi::Object>());
    const auto array = info[1].As<Napi::TypedArray>();
    const bool floats = array.TypedArrayType() == napi_float32_array;
    void* host = static_cast<char*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    return start(info.Env(), [=] { held->engine().pool.execute([&] { held->read(operand, host, floats); }); }, info[1]);
  }
  Napi::Value milliseconds(const Napi::CallbackInfo& info) {
    const auto& times = alive(info)->milliseconds();
    auto result = Napi::Float64Array::New(info.Env(), times.size());
    for (size_t i = 0; i < times.size(); i++) result[i] = times[i];
    return result;
  }
  Napi::Value bytes(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(alive(info)->bytes())); }
  void dispose(const Napi::CallbackInfo&) { program.reset(); }
};

/** Names of the instruction sets that this CPU has, widest first. */
Napi::Value instructionSets(const Napi::CallbackInfo& info) {
  auto names = Napi::Array::New(info.Env());
  for (const char* name : {"avx512", "avx2", "baseline"})
    if (instructionSet(name)) names.Set(names.Length(), Napi::String::New(info.Env(), name));
  return names;
}

Napi::Value cpus(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(usableCpus().size())); }

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  exports.Set("Engine", EngineObject::define(env));
  exports.Set("Program", ProgramObject::define(env));
  exports.Set("instructionSets", Napi::Function::New(env, instructionSets));
  exports.Set("cpus", Napi::Function::New(env, cpus));
  return exports;
}

NODE_API_MODULE(cpu, initialise)

}  // namespace
