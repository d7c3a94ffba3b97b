#pragma once

/// Every public class and enumeration that a header of yours may need without its definition, declared once. It
/// includes nothing of coppice. Not here: concepts and aliases, and BasicActorSystem with its alias ActorSystem, since a
/// concept constrains its parameter; a System& does in their place.

#include <cstdint>

namespace coppice {

// base
template <class T, class E>
class Result;
template <class E>
struct Error;
template <class Signature>
class UniqueFunction;
class Clock;
class SteadyClock;
class ManualClock;

// message, mailbox
enum class Delivery : unsigned char;
enum class DeadReason : unsigned char;
struct Ledger;
enum class Overflow : unsigned char;
enum class Priority : unsigned char;
enum class Order : unsigned char;
class OverflowRule;
class ForPriority;
struct Unbounded;
struct Bounded;
class MailboxOptions;
struct MailboxStats;

// actor
template <class Self>
class Actor;
template <class A>
class ActorRef;
class AnyRef;
template <class A>
class NamedRef;
template <class... Signatures>
struct Protocol;
template <class R>
class AskFuture;
template <class R>
class ReplyPromise;
template <class R>
class Later;
template <class R>
class Task;
template <class R>
class ReentrantTask;
template <class R>
class AskAwaitable;
template <class R>
struct FirstReply;
enum class AskError : unsigned char;
enum class SpawnError : unsigned char;
enum class OnError : unsigned char;
enum class Health : unsigned char;
enum class Phase : unsigned char;
enum class Every : unsigned char;
class ExitReason;
struct Down;
struct ExitSignal;
class WatchId;
class TimerHandle;
struct ReceiveTimeout;
template <class M>
class Pipe;
template <class Self>
class TickingActor;
template <class Self, class StateList, class EventList>
class StateMachine;
class Transition;
template <class... S>
struct States;
template <class... Signatures>
struct Events;
struct SendOptions;
struct SpawnOptions;
struct MessageInfo;
class Placement;
struct IllegalTransition;
struct Event;
enum class EventFamily : unsigned char;
enum class EventKind : unsigned char;
enum class Severity : unsigned char;
struct NoopMonitor;
class ActorExecutor;
struct UseTask;
struct UseTaskTuple;
struct UseTaskThrowing;

// system
class System;
struct SystemOptions;
struct OptionError;
struct UsersContext;
class Workers;
struct SystemStats;
struct StopOptions;
class StopFuture;
enum class StopError : unsigned char;
enum class LookupError : unsigned char;
struct NameError;
enum class Keys : unsigned char;
struct NoValue;
template <class Key, class Value>
class Registry;
class ProcessGroups;
struct GroupEvent;
struct GroupWatch;
enum class GroupError : unsigned char;
struct ShutdownOptions;
struct ShutdownReport;
struct FailureReport;
struct SupervisorReport;
struct DeadLetter;
class PinnedThread;
enum class Wait : unsigned char;

// supervisors, brokers, monitors
class Supervisor;
class SupervisorSpec;
class DynamicSupervisor;
class DynamicSupervisorSpec;
struct DynamicSupervisorOptions;
class TaskSupervisor;
class TaskSupervisorSpec;
struct TaskSupervisorOptions;
template <class F>
struct RunTask;
struct PartitionSupervisorOptions;
template <class A>
class Partitions;
class ChildSpec;
struct ChildOptions;
struct SupervisorOptions;
struct StartError;
struct CallError;
struct ChildInfo;
struct ChildCounts;
struct WhichChildren;
struct CountChildren;
struct StartChild;
struct StartChildren;
struct TerminateChild;
struct TerminateDynamicChild;
struct RestartChild;
struct DeleteChild;
struct GetChildSpec;
struct GetTree;
class SupervisionTree;
enum class ChildState : unsigned char;
enum class AutoShutdown : unsigned char;
enum class Restart : unsigned char;
class RestartLimit;
class Shutdown;
struct Intensity;
class Backoff;
struct Exponential;
struct HealthCheck;
class AnyStrategy;
struct AffectedRange;
struct OneForOne;
struct OneForAll;
struct RestForOne;
class InMemoryBroker;
struct BrokerOptions;
class Subscription;
class SubscriptionState;
struct SubscribeOptions;
struct PublishOptions;
struct Published;
template <class M>
class Retained;
enum class BrokerError : unsigned char;
class InMemoryMonitor;
struct RecordedEvent;
template <class... Ms>
class FanOutMonitor;
template <class M, class Predicate>
class FilterMonitor;
template <class M, std::uint64_t N>
class SamplingMonitor;

// patterns, and pool.hpp
template <class A, class Strategy>
class Router;
class Candidates;
struct RoundRobin;
struct Random;
struct LeastLoaded;
template <class KeyOf>
struct ConsistentHash;
struct Broadcast;
struct BroadcastResult;
struct PoolOptions;
class CircuitBreaker;
class CircuitPermit;
class CircuitRules;
enum class CircuitState : unsigned char;
struct CircuitOptions;
struct CircuitStats;
struct RetryOptions;
struct RetryUnlessClosed;
struct Attempt;
class SagaCoordinator;
class SagaJournal;
class SagaJournalWriter;
class InMemorySagaJournal;
class SagaObserver;
class SagaRules;
enum class SagaEvent : unsigned char;
enum class SagaAction : unsigned char;
enum class SagaStepState : unsigned char;
struct SagaRecord;
struct SagaCall;
struct SagaAnswer;
struct SagaStep;
struct SagaPlan;
struct SagaProgress;
struct SagaOptions;
struct SagaCounts;
struct SagaEnd;
struct BeginSaga;
struct CountSagas;
struct ReadSagaJournal;
struct WriteSagaJournal;
class RateLimiter;
class TokenBucket;
struct RateLimit;
template <class T>
class StateCell;
template <class T>
class StateSnapshot;
class CancelToken;
class CancelSource;
class CancelRegistration;

// journals
class SqliteJournal;
struct SqliteJournalOptions;

// io
class AcceptedSocket;
class TcpSecurity;
struct TlsOptions;
template <class Self>
class TcpConnection;
class TcpListener;
struct TcpListenerOptions;
struct TcpConnectionOptions;
struct TcpListenerStats;
struct TcpListenerInfo;
struct GetTcpListener;
enum class TcpEnd : unsigned char;
enum class WhenFull : unsigned char;
class StopSignals;
class ServiceNotifier;

// the test kit
namespace testing {
template <class... Ms>
class Probe;
enum class Due : unsigned char;
struct InjectedFault;
struct TestOptions;
class TestSystem;
}  // namespace testing

}  // namespace coppice
