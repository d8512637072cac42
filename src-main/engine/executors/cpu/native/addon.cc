// The N-API face of the engine: Engine (threads and instruction set) and Program (a prepared plan). Work runs off the JavaScript thread.
#include <napi.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <stdexcept>
#include <string>
#include <vector>

#include "program.h"

namespace {

using namespace logonet;

/** Throws where a call cannot be made, e.g. because its thread is ending. */
void require(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

/**
 * Work off the JavaScript thread, and the promise that it settles there. The work owns all that it touches; `finish`, on the JavaScript
 * thread, hands its result over. Where that thread has ended meanwhile (worker.terminate()), nothing is settled and nothing may be thrown.
 */
struct Task {
  std::function<void()> work;
  std::function<void(napi_env, napi_value)> finish;
  std::string failure;
  napi_async_work handle = nullptr;
  napi_deferred deferred = nullptr;
  napi_ref kept = nullptr;
};

void complete(napi_env env, napi_status status, void* data) {
  const std::unique_ptr<Task> task(static_cast<Task*>(data));
  napi_value value = nullptr;
  if (status != napi_ok && task->failure.empty()) task->failure = "the work was given up";
  try {
    if (task->failure.empty() && task->finish && napi_get_reference_value(env, task->kept, &value) == napi_ok && value) task->finish(env, value);
  } catch (const std::exception& error) {
    task->failure = error.what();
  }
  if (task->failure.empty()) {
    if (napi_get_undefined(env, &value) == napi_ok) napi_resolve_deferred(env, task->deferred, value);
  } else {
    napi_value message = nullptr;
    if (napi_create_string_utf8(env, task->failure.c_str(), NAPI_AUTO_LENGTH, &message) == napi_ok && napi_create_error(env, nullptr, message, &value) == napi_ok)
      napi_reject_deferred(env, task->deferred, value);
  }
  if (task->kept) napi_delete_reference(env, task->kept);
  napi_delete_async_work(env, task->handle);
}

void execute(napi_env, void* data) {
  auto* task = static_cast<Task*>(data);
  try {
    task->work();
  } catch (const std::exception& error) {
    task->failure = error.what();
  } catch (...) {
    task->failure = "an unknown failure";
  }
}

/** `kept`, an object, lives until the work has ended and is what `finish` gets. */
Napi::Value start(Napi::Env env, std::function<void()> work, Napi::Value kept = {}, std::function<void(napi_env, napi_value)> finish = {}) {
  auto task = std::make_unique<Task>();
  task->work = std::move(work);
  task->finish = std::move(finish);
  napi_value promise, name;
  require(env, napi_create_promise(env, &task->deferred, &promise));
  require(env, napi_create_string_utf8(env, "logonet", NAPI_AUTO_LENGTH, &name));
  if (!kept.IsEmpty()) require(env, napi_create_reference(env, kept, 1, &task->kept));
  require(env, napi_create_async_work(env, nullptr, name, execute, complete, task.get(), &task->handle));
  require(env, napi_queue_async_work(env, task->handle));
  task.release();
  return Napi::Value(env, promise);
}

Operand operandOf(const Napi::Object& value) {
  Operand operand{};
  operand.offset = value.Get("offset").As<Napi::Number>().Int64Value();
  const auto shape = value.Get("shape").As<Napi::Array>();
  if (shape.Length() > 6) throw Napi::Error::New(value.Env(), "a tensor of more than six axes");
  operand.rank = static_cast<int32_t>(shape.Length());
  for (uint32_t i = 0; i < shape.Length(); i++) operand.dims[i] = shape.Get(i).As<Napi::Number>().Int32Value();
  operand.integers = value.Get("element").As<Napi::String>().Utf8Value() == "i32";
  return operand;
}

/** The memory of a typed array that has the operand's type and length. Valid on this thread, until JavaScript runs again. */
void* dataOf(Napi::Env env, napi_value value, const Operand& operand) {
  bool is = false;
  require(env, napi_is_typedarray(env, value, &is));
  if (!is) throw std::invalid_argument("not a typed array");
  napi_typedarray_type type;
  size_t length, offset;
  void* data;
  napi_value buffer;
  require(env, napi_get_typedarray_info(env, value, &type, &length, &data, &buffer, &offset));
  if (type != (operand.integers ? napi_int32_array : napi_float32_array)) throw std::invalid_argument("a typed array of another type than the tensor");
  require(env, napi_is_arraybuffer(env, buffer, &is));
  if (!is || Napi::Object(env, buffer).Get("resizable").ToBoolean().Value()) throw std::invalid_argument("data in shared or resizable memory");
  if (static_cast<int64_t>(length) != elementCount(operand)) throw std::invalid_argument("data of another length than the tensor");
  return data;
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
    const auto& constructor = *info.Env().GetInstanceData<Napi::FunctionReference>();
    if (!info[0].IsObject() || !info[0].As<Napi::Object>().InstanceOf(constructor.Value())) throw Napi::Error::New(info.Env(), "not an engine");
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
    return start(info.Env(), [held] { held->engine().pool.execute([&] { held->run(); }); });
  }
  Operand inside(const Program& held, const Napi::Value& value) const {
    if (!value.IsObject()) throw std::invalid_argument("not a tensor inside this program");
    const Operand operand = operandOf(value.As<Napi::Object>());
    held.check(operand);
    return operand;
  }
  /** (operand, typed array): copied at once, whatever becomes of the array afterwards. */
  Napi::Value write(const Napi::CallbackInfo& info) {
    const auto held = alive(info);
    const Operand operand = inside(*held, info[0]);
    const auto* data = static_cast<const char*>(dataOf(info.Env(), info[1], operand));
    const auto copy = std::make_shared<std::vector<char>>(data, data + elementCount(operand) * 4);
    return start(info.Env(), [=] { held->engine().pool.execute([&] { held->write(operand, copy->data()); }); });
  }
  /** (operand, typed array that receives it at the end) */
  Napi::Value read(const Napi::CallbackInfo& info) {
    const auto held = alive(info);
    const Operand operand = inside(*held, info[0]);
    dataOf(info.Env(), info[1], operand);
    const auto copy = std::make_shared<std::vector<char>>(elementCount(operand) * 4);
    return start(
        info.Env(), [=] { held->engine().pool.execute([&] { held->read(operand, copy->data()); }); }, info[1],
        [=](napi_env env, napi_value value) { std::memcpy(dataOf(env, value, operand), copy->data(), copy->size()); });
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
  for (const char* name : {"avx512", "avx2", "avx2wide", "baseline"})
    if (instructionSet(name)) names.Set(names.Length(), Napi::String::New(info.Env(), name));
  return names;
}

Napi::Value cpus(const Napi::CallbackInfo& info) { return Napi::Number::New(info.Env(), static_cast<double>(usableCpus().size())); }

/** What the JavaScript side compares with its own tables: {name, integers, reals} in the order of the operations' numbers. */
Napi::Value operationList(Napi::Env env) {
  auto list = Napi::Array::New(env);
  const auto add = [&](const char* name, const char* integers, const char* reals) {
    auto operation = Napi::Object::New(env);
    operation.Set("name", name);
    operation.Set("integers", integers);
    operation.Set("reals", reals);
    list.Set(list.Length(), operation);
  };
#define LOGONET_ADD(name, integers, reals) add(#name, integers, reals);
  LOGONET_OPERATIONS(LOGONET_ADD)
#undef LOGONET_ADD
  return list;
}

Napi::Value activationList(Napi::Env env) {
  auto list = Napi::Array::New(env);
#define LOGONET_ADD(name) list.Set(list.Length(), Napi::String::New(env, #name));
  LOGONET_ACTIVATIONS(LOGONET_ADD)
#undef LOGONET_ADD
  return list;
}

Napi::Object initialise(Napi::Env env, Napi::Object exports) {
  const Napi::Function engine = EngineObject::define(env);
  env.SetInstanceData(new Napi::FunctionReference(Napi::Persistent(engine)));
  exports.Set("Engine", engine);
  exports.Set("Program", ProgramObject::define(env));
  exports.Set("operations", operationList(env));
  exports.Set("activations", activationList(env));
  exports.Set("instructionSets", Napi::Function::New(env, instructionSets));
  exports.Set("cpus", Napi::Function::New(env, cpus));
  return exports;
}

NODE_API_MODULE(cpu, initialise)

}  // namespace
