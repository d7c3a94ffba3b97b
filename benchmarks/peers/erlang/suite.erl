%% The suite's programs for Erlang/OTP, with bench_classic's command line but for --size, which must be given (support/sizes.hpp
%% has the sizes). Plain processes, except where OTP has the thing itself: gen_server:call/2 to ask, supervisor to restart.
-module(suite).
-behaviour(gen_server).
-export([main/0, start_child/0, init/1, handle_call/3, handle_cast/2]).

-define(RING, 503).
-define(PRODUCERS, 8).
-define(BURST, 1000).
-define(SUBSCRIBERS, 100).
-define(PUBLISH_BURST, 100).
-define(FORK_JOIN, 60).
-define(BIG, 120).
-define(CHAMENEOS, 100).
-define(ACCOUNTS, 1000).
-define(BALANCE, 100000).
-define(CHAIRS, 1000).
-define(STEP_VALUES, 1000).
-define(STEPS_AT_LEAST, 10).
-define(PHILOSOPHERS, 20).
-define(DICTIONARY_WORKERS, 20).
-define(KEYS, 524287).
-define(QUEEN_WORKERS, 20).
-define(ROWS_HANDED_OUT, 4).
-define(PRIMES_OF_ONE, 1000).
-define(SEARCHERS, 20).
-define(NODES_A_TASK, 1024).
-define(STEPS_A_NODE, 100).
-define(WEIGHTS, 30).
-define(NODES_A_WEIGHT, 8).

%% ---- the command line ----

main() ->
    process_flag(trap_exit, true),
    logger:set_primary_config(level, none),  % crashes on purpose, by the thousand
    case options(init:get_plain_arguments(), #{rounds => 1, workers => 1, json => false, list => false}) of
        #{list := true} ->
            [io:format("{\"workload\":\"~s\"}~n", [Name]) || Name <- names()],
            halt(0);
        #{about := true} ->
            io:format("Erlang/OTP ~s, emulator ~s (~s), as many schedulers as workers~n",
                      [erlang:system_info(otp_release), erlang:system_info(version), erlang:system_info(emu_flavor)]),
            halt(0);
        #{workload := Name, size := _} = Options ->
            lists:member(Name, names()) orelse refuse("there is no workload \"~s\"; --list names them", [Name]),
            [round(Options, Round) || Round <- lists:seq(1, maps:get(rounds, Options))],
            halt(0);
        _ -> refuse("--workload and --size are needed", [])
    end.

options(["--json" | Rest], Options) -> options(Rest, Options#{json := true});
options(["--list" | Rest], Options) -> options(Rest, Options#{list := true});
options(["--about" | Rest], Options) -> options(Rest, Options#{about => true});
options(["--workload", Name | Rest], Options) -> options(Rest, Options#{workload => Name});
options(["--workers", Text | Rest], Options) -> options(Rest, Options#{workers := number("--workers", Text)});
options(["--rounds", Text | Rest], Options) -> options(Rest, Options#{rounds := number("--rounds", Text)});
options(["--size", Text | Rest], Options) -> options(Rest, Options#{size => number("--size", Text)});
options([], Options) -> Options;
options([Other | _], _) -> refuse("there is no option \"~s\", or it lacks its value", [Other]).

number(Option, Text) ->
    case string:to_integer(Text) of
        {N, []} when N >= 1, N =< 1000000000 -> N;
        _ -> refuse("~s takes a whole number from 1, and got \"~s\"", [Option, Text])
    end.

refuse(Format, Values) ->
    io:format(standard_error, "bench_erlang: " ++ Format ++
              "~nusage: bench_erlang --workload NAME --size N [--workers N] [--rounds N] [--json] | --list | --about~n", Values),
    halt(2).

%% Each round in a process of its own, with a heap of its own.
round(#{workload := Name, size := Size, workers := Workers, json := Json}, Round) ->
    Form = case Json of
        true -> "{\"workload\":\"~s\",\"peer\":\"erlang\",\"workers\":~b,\"round\":~b,\"metric\":\"~s\","
                "\"value\":~.3f,\"unit\":\"~s\"}~n";
        false -> "~-22s erlang     ~2b workers, round ~b: ~s ~.3f ~s~n"
    end,
    Pid = spawn_link(fun() -> exit({seen, run(Name, Size)}) end),
    receive
        {'EXIT', Pid, {seen, Seen}} ->
            [io:format(Form, [Name, Workers, Round, Metric, float(Value), Unit]) || {Metric, Value, Unit} <- Seen];
        {'EXIT', Pid, Reason} ->
            io:format(standard_error, "bench_erlang failed: ~p~n", [Reason]),
            halt(1)
    end.

names() ->
    ["ping_pong", "ring", "counting", "counting_bursts", "counting_8", "fan_out", "fork_join_create",
     "fork_join_throughput", "big", "ask", "spawn_stop", "idle_bytes", "skynet", "chameneos", "bank", "barber",
     "philosophers", "dictionary", "queens", "sieve", "a_star", "crash", "timers", "timers_near",
     "echo"].

%% ---- what is measured: where the other programs do so as well a tenth to warm up, then the whole ----

warm(N) -> max(1, N div 10).
now_ns() -> erlang:monotonic_time(nanosecond).
time_of(Metric, Took, N) -> [{Metric, Took / N, "ns"}].
rate_of(Metric, Took, N) -> [{Metric, N * 1.0e3 / Took, "M/s"}].

run("ping_pong", N) -> ping_pong(warm(N)), time_of("round trip", ping_pong(N), N);
run("ring", N) -> ring(warm(N)), time_of("hop", ring(N), N);
run("counting", N) -> count(1, warm(N), N), rate_of("messages", count(1, N, N), N);
run("counting_bursts", N) -> count(1, warm(N), ?BURST), rate_of("messages", count(1, N, ?BURST), N);
run("counting_8", N0) ->
    N = max(1, N0 div ?PRODUCERS) * ?PRODUCERS,
    count(?PRODUCERS, max(1, N div 80) * ?PRODUCERS, N),
    rate_of("messages", count(?PRODUCERS, N, N), N);
run("fan_out", N0) ->
    N = max(1, N0 div ?PUBLISH_BURST) * ?PUBLISH_BURST,
    fan_out(max(1, N div (10 * ?PUBLISH_BURST)) * ?PUBLISH_BURST),
    rate_of("deliveries", fan_out(N), N * ?SUBSCRIBERS);
run("fork_join_create", N) -> create(warm(N)), time_of("actor", create(N), N);
run("fork_join_throughput", N) -> fork_join(warm(N)), time_of("message", fork_join(N), N * ?FORK_JOIN);
run("big", N) -> big(warm(N)), time_of("round trip", big(N), N * ?BIG);
run("ask", N) -> ask(warm(N)), time_of("answer", ask(N), N);
run("spawn_stop", N) -> spawn_stop(warm(N)), time_of("actor", spawn_stop(N), N);
run("idle_bytes", N) -> [{"actor", idle_bytes(N), "bytes"}];
run("skynet", N) -> time_of("actor", skynet(N), N);
run("chameneos", N) -> time_of("meeting", chameneos(N), N);
run("bank", N) -> bank(warm(N)), time_of("transaction", bank(N), N);
run("barber", N) -> barber(N);
run("philosophers", N) -> time_of("meal", philosophers(N), N * ?PHILOSOPHERS);
run("dictionary", N) -> dictionary(warm(N)), time_of("request", dictionary(N), N * ?DICTIONARY_WORKERS);
run("queens", N) -> [{"all", queens(N) / 1.0e6, "ms"}];
run("sieve", N) -> [{"all", sieve(max(3, N)) / 1.0e6, "ms"}];
run("a_star", N) -> a_star(N);
run("crash", N) -> crash(N);
run("timers", N) -> timers(warm(N)), timers(N);
run("timers_near", N) -> near(N);
run("echo", N) -> echo(N).

%% ---- there and back, around ----

ping_pong(N) ->
    Pong = spawn_link(fun pong/0),
    Me = self(),
    Ping = spawn_link(fun() -> receive go -> ping(Pong, self(), N), Me ! {done, now_ns()} end end),
    T0 = now_ns(), Ping ! go,
    receive {done, T1} -> Pong ! stop, T1 - T0 end.
ping(_, _, 0) -> ok;
ping(Pong, Me, N) -> Pong ! {ping, Me}, receive pong -> ping(Pong, Me, N - 1) end.
pong() -> receive {ping, From} -> From ! pong, pong(); stop -> ok end.

ring(Hops) ->
    Me = self(),
    First = spawn_link(fun() -> receive {next, Next} -> node_(Next, Me) end end),
    Last = lists:foldl(fun(_, Next) -> spawn_link(fun() -> node_(Next, Me) end) end, First, lists:seq(2, ?RING)),
    First ! {next, Last},
    T0 = now_ns(), First ! Hops - 1,
    receive {done, T1} -> First ! stop, T1 - T0 end.
node_(Next, Main) ->
    receive
        0 -> Main ! {done, now_ns()}, node_(Next, Main);
        stop -> Next ! stop;
        N -> Next ! N - 1, node_(Next, Main)
    end.

%% ---- floods ----

count(Producers, N, Burst) ->
    Me = self(),
    %% A flood waits by the million: outside the heap it is not copied at each garbage collection.
    Queue = case Burst of N -> [{message_queue_data, off_heap}]; _ -> [] end,
    Counter = spawn_opt(fun() -> receive {producers, P} -> counter(0, 0, N, Burst, P, Me) end end, [link | Queue]),
    Share = N div Producers,
    Ps = [spawn_link(fun() -> receive go -> produce(Counter, Share, Burst) end end) || _ <- lists:seq(1, Producers)],
    Counter ! {producers, hd(Ps)},
    T0 = now_ns(), [P ! go || P <- Ps],
    receive {counted, N, T1} -> T1 - T0 end.
counter(N, Sum, N, _, _, Me) -> Me ! {counted, Sum, now_ns()};
counter(K, Sum, N, Burst, P, Me) ->
    receive X when is_integer(X) ->
        case (K + 1) rem Burst of 0 when K + 1 < N -> P ! more; _ -> ok end,
        counter(K + 1, Sum + X, N, Burst, P, Me)
    end.
produce(_, 0, _) -> ok;
produce(Counter, Left, Burst) ->
    K = min(Left, Burst),
    flood(Counter, K),
    if Left > K -> receive more -> produce(Counter, Left - K, Burst) end; true -> ok end.
flood(_, 0) -> ok;
flood(Counter, N) -> Counter ! 1, flood(Counter, N - 1).

fan_out(N) ->
    Me = self(),
    Publisher = spawn_link(fun() -> receive {all, L} -> receive go -> publish(L, N), Me ! {done, now_ns()} end end end),
    L = [spawn_link(fun() -> subscriber(Publisher, 0, N, Me) end) || _ <- lists:seq(1, ?SUBSCRIBERS)],
    Publisher ! {all, L},
    T0 = now_ns(), Publisher ! go,
    T1 = receive {done, T} -> T end,
    [receive {got, N} -> ok end || _ <- L],
    T1 - T0.
publish(_, 0) -> ok;
publish(L, Left) ->
    [tell_all(L) || _ <- lists:seq(1, ?PUBLISH_BURST)],
    [receive ack -> ok end || _ <- L],
    publish(L, Left - ?PUBLISH_BURST).
tell_all([To | Rest]) -> To ! 1, tell_all(Rest);
tell_all([]) -> ok.
subscriber(_, N, N, Me) -> Me ! {got, N};
subscriber(Publisher, K, N, Me) ->
    receive X when is_integer(X) ->
        if (K + X) rem ?PUBLISH_BURST =:= 0 -> Publisher ! ack; true -> ok end,
        subscriber(Publisher, K + X, N, Me)
    end.

%% ---- fork and join, big, skynet ----

worker(0, Me) -> Me ! {worked, now_ns()};
worker(N, Me) -> receive _ -> S = math:sin(theta()), true = S * S > 0, worker(N - 1, Me) end.
theta() -> case get(theta) of undefined -> put(theta, 37.2), 37.2; T -> T end.
worked(N) -> lists:max([receive {worked, T} -> T end || _ <- lists:seq(1, N)]).

create(N) ->
    Me = self(), T0 = now_ns(),
    [begin P = spawn(fun() -> worker(1, Me) end), P ! 1 end || _ <- lists:seq(1, N)],
    worked(N) - T0.

fork_join(N) ->
    Me = self(),
    Ws = [spawn_link(fun() -> worker(N, Me) end) || _ <- lists:seq(1, ?FORK_JOIN)],
    Master = spawn_link(fun() -> receive go -> master(N, Ws) end end),
    T0 = now_ns(), Master ! go,
    worked(?FORK_JOIN) - T0.
master(0, _) -> ok;
master(N, Ws) -> tell_all(Ws), master(N - 1, Ws).

big(N) ->
    Me = self(),
    Ps = [spawn_link(fun() -> receive {all, T} -> receive go -> big_ping(T, I * 7919 + 1, 0, N, Me) end end end)
          || I <- lists:seq(1, ?BIG)],
    All = list_to_tuple(Ps),
    [P ! {all, All} || P <- Ps],
    T0 = now_ns(), [P ! go || P <- Ps],
    T1 = lists:max([receive {big, T} -> T end || _ <- Ps]),
    [P ! stop || P <- Ps],
    T1 - T0.
big_ping(All, Seed, K, N, Me) ->
    Next = (Seed * 1103515245 + 12345) band 16#7fffffff,
    element((Next bsr 8) rem ?BIG + 1, All) ! {ping, self()},
    big_loop(All, Next, K, N, Me).
big_loop(All, Seed, K, N, Me) ->
    receive
        {ping, From} -> From ! pong, big_loop(All, Seed, K, N, Me);
        pong when K + 1 < N -> big_ping(All, Seed, K + 1, N, Me);
        pong -> Me ! {big, now_ns()}, big_loop(All, Seed, K + 1, N, Me);
        stop -> ok
    end.

skynet(N0) ->
    N = round_down(N0, 1),
    Me = self(), T0 = now_ns(),
    spawn_link(fun() -> sky(0, N, Me) end),
    Sum = N * (N - 1) div 2,
    receive {sum, Sum} -> (now_ns() - T0) * N0 / N end.
round_down(N, Power) when Power * 10 > N -> Power;
round_down(N, Power) -> round_down(N, Power * 10).
sky(Number, 1, Parent) -> Parent ! {sum, Number};
sky(Number, Leaves, Parent) ->
    Me = self(), Below = Leaves div 10,
    [spawn(fun() -> sky(Number + I * Below, Below, Me) end) || I <- lists:seq(0, 9)],
    Parent ! {sum, lists:sum([receive {sum, S} -> S end || _ <- lists:seq(0, 9)])}.

%% ---- questions ----

ask(N) ->
    {ok, Server} = gen_server:start_link(?MODULE, server, []),
    T0 = now_ns(), Sum = ask(Server, 0, N, 0), T1 = now_ns(),
    Sum = N,
    gen_server:stop(Server),
    T1 - T0.
ask(_, N, N, Sum) -> Sum;
ask(Server, I, N, Sum) -> R = gen_server:call(Server, I), ask(Server, I + 1, N, Sum + R - I).

%% ---- actors that come, rest and go ----

idle() -> receive {once, From} -> From ! ok, idle(); stop -> ok end.

spawn_stop(N) ->
    T0 = now_ns(),
    Ps = [spawn(fun idle/0) || _ <- lists:seq(1, N)],
    T1 = now_ns(),
    Refs = [monitor(process, P) || P <- Ps],  % outside of the time
    T2 = now_ns(),
    [P ! stop || P <- Ps],
    [receive {'DOWN', R, _, _, _} -> ok end || R <- Refs],
    T1 - T0 + now_ns() - T2.

idle_bytes(N) ->
    Me = self(),
    erlang:garbage_collect(),
    Before = resident(),
    Ps = [spawn(fun idle/0) || _ <- lists:seq(1, N)],
    [P ! {once, Me} || P <- Ps],
    [receive ok -> ok end || _ <- Ps],
    Bytes = (resident() - Before) / N,
    [P ! stop || P <- Ps],
    Bytes.
resident() ->
    {ok, Text} = file:read_file("/proc/self/statm"),
    [_, Pages | _] = string:split(Text, " ", all),
    binary_to_integer(Pages) * 4096.

%% ---- chameneos ----

chameneos(N) ->
    Me = self(),
    Mall = spawn_link(fun() -> mall(N, none, [], Me) end),
    T0 = now_ns(),
    [spawn_link(fun() -> Mall ! {meet, self(), I rem 3}, creature(Mall, I rem 3, 0) end) || I <- lists:seq(1, ?CHAMENEOS)],
    Sum = 2 * N,
    receive {met, Sum, T1} -> T1 - T0 end.
mall(0, _, Counts, Me) when length(Counts) =:= ?CHAMENEOS -> Me ! {met, lists:sum(Counts), now_ns()};
mall(Left, Waiting, Counts, Me) ->
    receive
        {meet, From, _} when Left =:= 0 -> From ! close, mall(0, Waiting, Counts, Me);
        {meet, From, Colour} when Waiting =:= none -> mall(Left, {From, Colour}, Counts, Me);
        {meet, From, Colour} ->
            {Other, _} = Waiting,
            Other ! {meet, From, Colour},
            mall(Left - 1, none, Counts, Me);
        {count, N} -> mall(Left, Waiting, [N | Counts], Me)
    end.
creature(Mall, Colour, Met) ->
    receive
        {meet, From, Other} ->
            New = complement(Colour, Other),
            From ! {change, New},
            Mall ! {meet, self(), New},
            creature(Mall, New, Met + 1);
        {change, New} -> Mall ! {meet, self(), New}, creature(Mall, New, Met + 1);
        close -> Mall ! {count, Met}
    end.
complement(C, C) -> C;
complement(A, B) -> 3 - A - B.

%% ---- bank transactions: who pays waits until the other one has been paid, and handles nothing meanwhile ----

bank(N) ->
    Me = self(),
    rand:seed(exsss, 42),
    As = [spawn_link(fun() -> account(?BALANCE, Me) end) || _ <- lists:seq(1, ?ACCOUNTS)],
    All = list_to_tuple(As),
    Teller = spawn_link(fun() -> receive go -> transfer(All, N), [receive done -> ok end || _ <- lists:seq(1, N)],
                                               Me ! {done, now_ns()} end end),
    T0 = now_ns(), Teller ! go,
    T1 = receive {done, T} -> T end,
    [A ! report || A <- As],
    Sum = ?ACCOUNTS * ?BALANCE,
    Sum = lists:sum([receive {balance, B} -> B end || _ <- As]),
    T1 - T0.
transfer(_, 0) -> ok;
transfer(All, N) ->
    From = rand:uniform(?ACCOUNTS div 10 * 8),
    To = From + rand:uniform(?ACCOUNTS - From),
    element(From, All) ! {credit, rand:uniform(1000) - 1, element(To, All), self()},
    transfer(All, N - 1).
account(Balance, Me) ->
    receive
        {debit, From, Ref, Amount} -> From ! {Ref, ok}, account(Balance + Amount, Me);
        {credit, Amount, To, Teller} ->
            Ref = make_ref(),
            To ! {debit, self(), Ref, Amount},
            receive {Ref, ok} -> Teller ! done end,
            account(Balance - Amount, Me);
        report -> Me ! {balance, Balance}
    end.

%% ---- the sleeping barber: each customer is a process, and who finds the waiting room full comes again at once. Each counts
%% what it sends and handles; the customers tell the factory ----

barber(N) ->
    Me = self(),
    Barber = spawn_link(fun() -> barber(rand:mwc59_seed(1), 0, 0, Me) end),
    Room = spawn_link(fun() -> room(queue:new(), 0, true, Barber, 0, 0, Me) end),
    Factory = spawn_link(fun() -> receive open -> factory(N, Room, Me) end end),
    T0 = now_ns(), Factory ! open,
    T1 = receive {shorn, T} -> T end,
    Barber ! {closing, Room},  % goes to the room and comes back, behind all that these two have sent
    receive {barber, N} -> ok end,
    {Sent, Handled} = lists:foldl(fun(_, {S, H}) -> receive {counts, S1, H1} -> {S + S1, H + H1} end end, {0, 0}, [1, 2, 3]),
    Handled = Sent + 1,  % the word to open came from here
    [{"haircut", (T1 - T0) / N, "ns"}, {"messages", Sent / N, "a haircut"}].
factory(N, Room, Me) -> open(N, self(), Room, rand:mwc59_seed(0)), factory_loop(N, Room, N, 1, Me).
open(0, _, _, _) -> ok;
open(Left, Factory, Room, Seed) ->
    Room ! {enter, spawn(fun() -> customer(Factory, 0) end), Room},
    open(Left - 1, Factory, Room, work(Seed)).
factory_loop(0, _, Sent, Handled, Me) -> Me ! {shorn, now_ns()}, Me ! {counts, Sent, Handled};
factory_loop(Left, Room, Sent, Handled, Me) ->
    receive
        {returned, Customer} -> Room ! {enter, Customer, Room}, factory_loop(Left, Room, Sent + 2, Handled + 1, Me);
        {done, Heard} -> factory_loop(Left - 1, Room, Sent + 1, Handled + 1 + Heard, Me)
    end.
customer(Factory, Heard) ->
    receive
        full -> Factory ! {returned, self()}, customer(Factory, Heard + 1);
        wait -> customer(Factory, Heard + 1);
        start -> customer(Factory, Heard + 1);
        done -> Factory ! {done, Heard + 1}
    end.
barber(Seed, Shorn, Waits, Me) ->
    receive
        {enter, Customer, Room} ->
            Customer ! start,
            Next = work(Seed),
            Customer ! done,
            Room ! next,
            barber(Next, Shorn + 1, Waits, Me);
        wait -> barber(Seed, Shorn, Waits + 1, Me);
        {closing, Room} -> Room ! closing, barber(Seed, Shorn, Waits, Me);
        closed -> Me ! {barber, Shorn}, Me ! {counts, 3 * Shorn, Shorn + Waits}
    end.
room(Waiting, Count, Asleep, Barber, Sent, Handled, Me) ->
    receive
        {enter, Customer, _} when Count =:= ?CHAIRS ->
            Customer ! full,
            room(Waiting, Count, Asleep, Barber, Sent + 1, Handled + 1, Me);
        {enter, Customer, _} ->
            if Asleep -> self() ! next; true -> Customer ! wait end,
            room(queue:in(Customer, Waiting), Count + 1, false, Barber, Sent + 1, Handled + 1, Me);
        next when Count =:= 0 -> Barber ! wait, room(Waiting, 0, true, Barber, Sent + 1, Handled + 1, Me);
        next ->
            {{value, Customer}, Rest} = queue:out(Waiting),
            Barber ! {enter, Customer, self()},
            room(Rest, Count - 1, false, Barber, Sent + 1, Handled + 1, Me);
        closing -> Barber ! closed, Me ! {counts, Sent, Handled}
    end.
%% Steps of OTP's fastest generator, as many as one draws.
work(Seed) -> work(rand:mwc59(Seed), rand:mwc59_value32(Seed) rem ?STEP_VALUES + ?STEPS_AT_LEAST).
work(Seed, 0) -> Seed;
work(Seed, Steps) -> work(rand:mwc59(Seed), Steps - 1).

%% ---- dining philosophers ----

philosophers(N) ->
    Me = self(),
    Arbiter = spawn_link(fun() -> arbiter(#{}) end),
    T0 = now_ns(),
    [spawn_link(fun() -> Arbiter ! {hungry, Seat, self()}, philosopher(Arbiter, Seat, N, Me) end)
     || Seat <- lists:seq(0, ?PHILOSOPHERS - 1)],
    T1 = lists:max([receive {sated, T} -> T end || _ <- lists:seq(1, ?PHILOSOPHERS)]),
    Arbiter ! stop,
    T1 - T0.
arbiter(Taken) ->
    receive
        {hungry, Seat, From} ->
            Right = (Seat + 1) rem ?PHILOSOPHERS,
            case is_map_key(Seat, Taken) orelse is_map_key(Right, Taken) of
                true -> From ! denied, arbiter(Taken);
                false -> From ! eat, arbiter(Taken#{Seat => 1, Right => 1})
            end;
        {sated, Seat} -> arbiter(maps:remove(Seat, maps:remove((Seat + 1) rem ?PHILOSOPHERS, Taken)));
        stop -> ok
    end.
philosopher(Arbiter, Seat, N, Me) ->
    receive
        denied -> Arbiter ! {hungry, Seat, self()}, philosopher(Arbiter, Seat, N, Me);
        eat when N =:= 1 -> Arbiter ! {sated, Seat}, Me ! {sated, now_ns()};
        eat -> Arbiter ! {sated, Seat}, Arbiter ! {hungry, Seat, self()}, philosopher(Arbiter, Seat, N - 1, Me)
    end.

%% ---- a dictionary that is full from the start, which many read and some write ----

dictionary(N) ->
    Me = self(),
    Dictionary = spawn_link(fun() ->
        Table = ets:new(dictionary, [set, private]),
        [ets:insert(Table, {Key, Key}) || Key <- lists:seq(0, ?KEYS - 1)],
        Me ! full,
        dictionary_loop(Table, 0, Me) end),
    Ws = [spawn_link(fun() -> rand:seed(exsss, I), receive go -> reader(Dictionary, N), Me ! {read, now_ns()} end end)
          || I <- lists:seq(1, ?DICTIONARY_WORKERS)],
    receive full -> ok end,
    T0 = now_ns(), [W ! go || W <- Ws],
    T1 = lists:max([receive {read, T} -> T end || _ <- Ws]),
    Dictionary ! stop,
    Handled = N * ?DICTIONARY_WORKERS,
    receive {closed, ?KEYS, Handled} -> T1 - T0 end.
%% A table beside the heap: half a million entries in a map cost twice the time, most of it garbage collection.
dictionary_loop(Table, Handled, Me) ->
    receive
        {read, From, Key} -> From ! {found, ets:lookup_element(Table, Key, 2)}, dictionary_loop(Table, Handled + 1, Me);
        {write, From, Key, Value} ->
            ets:insert(Table, {Key, Value}),
            From ! {found, Value},
            dictionary_loop(Table, Handled + 1, Me);
        stop -> Me ! {closed, ets:info(Table, size), Handled}
    end.
reader(_, 0) -> ok;
reader(Dictionary, N) ->
    Key = rand:uniform(?KEYS) - 1,
    case rand:uniform(100) of
        X when X =< 10 -> Dictionary ! {write, self(), Key, N};
        _ -> Dictionary ! {read, self(), Key}
    end,
    receive {found, _} -> reader(Dictionary, N - 1) end.

%% ---- queens: a board is the list of its columns, the last row first ----

queens(N) ->
    Me = self(),
    T0 = now_ns(),
    Host = spawn_link(fun() ->
        Host = self(),
        Ws = list_to_tuple([spawn_link(fun() -> queen_worker(Host, N) end) || _ <- lists:seq(1, ?QUEEN_WORKERS)]),
        element(1, Ws) ! {board, []},
        Me ! {solved, queen_host(Ws, 1, 1, 0), now_ns()},
        [W ! stop || W <- tuple_to_list(Ws)] end),
    true = is_pid(Host),
    Solutions = element(N, {1, 0, 0, 2, 10, 4, 40, 92, 352, 724, 2680, 14200, 73712, 365596}),
    receive {solved, Solutions, T1} -> T1 - T0 end.
queen_host(_, _, 0, Solutions) -> Solutions;
queen_host(Ws, HandedOut, Open, Solutions) ->
    receive
        {board, Board} ->
            element(HandedOut rem ?QUEEN_WORKERS + 1, Ws) ! {board, Board},
            queen_host(Ws, HandedOut + 1, Open, Solutions);
        {counted, Found, Back} -> queen_host(Ws, HandedOut, Open + Back - 1, Solutions + Found)
    end.
queen_worker(Host, N) ->
    receive
        {board, Board} when length(Board) >= ?ROWS_HANDED_OUT; length(Board) =:= N ->
            Host ! {counted, solutions(Board, length(Board), N), 0},
            queen_worker(Host, N);
        {board, Board} ->
            Below = [[C | Board] || C <- lists:seq(1, N), safe(C, 1, Board)],
            [Host ! {board, B} || B <- Below],
            Host ! {counted, 0, length(Below)},
            queen_worker(Host, N);
        stop -> ok
    end.
solutions(_, N, N) -> 1;
solutions(Board, Rows, N) -> columns(N, Board, Rows, N, 0).
columns(0, _, _, _, Sum) -> Sum;
columns(C, Board, Rows, N, Sum) ->
    case safe(C, 1, Board) of
        true -> columns(C - 1, Board, Rows, N, Sum + solutions([C | Board], Rows + 1, N));
        false -> columns(C - 1, Board, Rows, N, Sum)
    end.
safe(_, _, []) -> true;
safe(C, D, [Q | Rest]) -> C =/= Q andalso abs(C - Q) =/= D andalso safe(C, D + 1, Rest).

%% ---- the sieve: a chain of processes, each with a thousand primes ----

sieve(Limit) ->
    Me = self(),
    Primes = length(primes(lists:seq(2, Limit - 1), Limit)),
    T0 = now_ns(),
    spawn_link(fun() ->
        First = spawn_link(fun() -> filter([2], 1, none, Me) end),
        numbers(First, 3, Limit),
        First ! 0 end),
    receive {sieved, Primes, T1} -> T1 - T0 end.
primes([P | Rest], Limit) when P * P < Limit -> [P | primes([X || X <- Rest, X rem P =/= 0], Limit)];
primes(Rest, _) -> Rest.
numbers(_, N, Limit) when N >= Limit -> ok;
numbers(First, N, Limit) -> First ! N, numbers(First, N + 2, Limit).
%% The primes from the smallest on, which rules out most; appended rarely.
filter(Primes, Count, Next, Me) ->
    receive
        0 when Next =:= none -> Me ! {sieved, Count, now_ns()};
        0 -> Next ! 0, collect(Count, Me);
        N ->
            case divided(N, Primes) of
                true -> filter(Primes, Count, Next, Me);
                false when Count < ?PRIMES_OF_ONE -> filter(Primes ++ [N], Count + 1, Next, Me);
                false when Next =:= none ->
                    Self = self(),
                    filter(Primes, Count, spawn_link(fun() -> filter([N], 1, none, Self) end), Me);
                false -> Next ! N, filter(Primes, Count, Next, Me)
            end
    end.
collect(Count, Me) -> receive {sieved, Below, At} -> Me ! {sieved, Count + Below, At} end.
divided(_, []) -> false;
divided(N, [P | _]) when N rem P =:= 0 -> true;
divided(N, [_ | Rest]) -> divided(N, Rest).

%% ---- a way through a cube of nodes, which know who reached them first, to a target before the far corner ----

a_star(Edge) ->
    Me = self(),
    Nodes = Edge * Edge * Edge,
    Edges = edges(0, Nodes, Edge, 1, []),
    Along = Edge * 8 div 10,
    Target = (Along * Edge + Along) * Edge + Along,
    persistent_term:put(edges, Edges),
    CameFrom = atomics:new(Nodes, []),  % of node N at N + 1, as its number and one; 0: nobody yet
    T0 = now_ns(),
    Host = spawn_link(fun() ->
        Host = self(),
        Ss = list_to_tuple([spawn_link(fun() -> searcher(Host, CameFrom, Edge, 0, 0, Me) end) || _ <- lists:seq(1, ?SEARCHERS)]),
        element(1, Ss) ! {work, 0, Target, weight(0, Edge)},
        search_host(Ss, 1, 0, 0, Me) end),
    true = is_pid(Host),
    {HandedOut, Handled, T1} = receive {searched_by_all, H, O, T} -> {H, O, T} end,
    {Told, Tasks} = lists:foldl(fun(_, {A, B}) -> receive {searched, T2, K} -> {A + T2, B + K} end end, {0, 0},
                                lists:seq(1, ?SEARCHERS)),
    Told = Handled, HandedOut = Tasks,
    Way = has_way(0, Target, Edges, #{0 => true}),
    Way = Target > 0 andalso atomics:get(CameFrom, Target + 1) > 0,
    true = not Way orelse way_back(CameFrom, Target) =:= 0,
    [{"all", (T1 - T0) / 1.0e6, "ms"}, {"nodes", 1 + reached(1, Nodes, CameFrom, Edges), "a search"}].

%% Of the six neighbours each by lot, but the last where there is none before it; an edge of a far face stays on it.
edges(Nodes, Nodes, _, _, All) -> list_to_tuple(lists:reverse(All));
edges(Node, Nodes, Edge, Seed, All) ->
    {Next, To} = lists:foldl(fun(Direction, {S0, To}) ->
        S = (S0 * 1103515245 + 12345) band 16#7fffffff,
        Drawn = (S bsr 16) band 1 =:= 1 orelse (Direction =:= 6 andalso To =:= []),
        Neighbour = step(Node, Direction, Edge),
        case Drawn andalso Neighbour =/= Node andalso not lists:member(Neighbour, To) of
            true -> {S, [Neighbour | To]};
            false -> {S, To}
        end end, {Seed, []}, [1, 2, 3, 4, 5, 6]),
    edges(Node + 1, Nodes, Edge, Next, [lists:reverse(To) | All]).
step(Node, Direction, Edge) ->
    X = along(Node div (Edge * Edge), Direction band 4, Edge),
    Y = along(Node div Edge rem Edge, Direction band 2, Edge),
    (X * Edge + Y) * Edge + along(Node rem Edge, Direction band 1, Edge).
along(Coordinate, Grows, Edge) when Grows > 0, Coordinate + 1 < Edge -> Coordinate + 1;
along(Coordinate, _, _) -> Coordinate.
%% Savina's mailboxes with priorities sort by it; it travels with each task.
weight(Node, Edge) ->
    Least = min(Node rem Edge, min(Node div Edge rem Edge, Node div (Edge * Edge))),
    abs(?WEIGHTS - (Edge - Least) div ?NODES_A_WEIGHT).

search_host(Ss, HandedOut, Done, Handled, Me) ->
    receive
        {work, _, _, _} = Work ->
            element(HandedOut rem ?SEARCHERS + 1, Ss) ! Work,
            search_host(Ss, HandedOut + 1, Done, Handled + 1, Me);
        received when Done + 1 =:= HandedOut -> end_search(Ss, HandedOut, Handled + 1, Me);
        received -> search_host(Ss, HandedOut, Done + 1, Handled + 1, Me);
        found -> end_search(Ss, HandedOut, Handled + 1, Me)
    end.
end_search(Ss, HandedOut, Handled, Me) ->
    [S ! stop || S <- tuple_to_list(Ss)],
    search_ended(?SEARCHERS, HandedOut, Handled, Me).
search_ended(0, HandedOut, Handled, Me) -> Me ! {searched_by_all, HandedOut, Handled, now_ns()};
search_ended(Left, HandedOut, Handled, Me) ->
    receive
        stopped -> search_ended(Left - 1, HandedOut, Handled + 1, Me);
        _ -> search_ended(Left, HandedOut, Handled + 1, Me)
    end.

searcher(Host, CameFrom, Edge, Told, Tasks, Me) ->
    receive
        {work, Node, Target, _} ->
            Edges = persistent_term:get(edges),
            Sent = case search(queue:from_list([Node]), ?NODES_A_TASK, Target, CameFrom, Edges) of
                found -> Host ! found, 1;
                Rest -> hand_back(queue:to_list(Rest), Host, Target, Edge, 0)
            end,
            Host ! received,
            searcher(Host, CameFrom, Edge, Told + Sent + 1, Tasks + 1, Me);
        stop -> Host ! stopped, Me ! {searched, Told + 1, Tasks}
    end.
hand_back([], _, _, _, Sent) -> Sent;
hand_back([Node | Rest], Host, Target, Edge, Sent) ->
    Host ! {work, Node, Target, weight(Node, Edge)},
    hand_back(Rest, Host, Target, Edge, Sent + 1).
search(Open, 0, _, _, _) -> Open;
search(Open, Left, Target, CameFrom, Edges) ->
    case queue:out(Open) of
        {empty, _} -> Open;
        {{value, Node}, Rest} ->
            _ = work(rand:mwc59_seed(1), ?STEPS_A_NODE),
            case reach(element(Node + 1, Edges), Node, Rest, Target, CameFrom) of
                found -> found;
                Next -> search(Next, Left - 1, Target, CameFrom, Edges)
            end
    end.
reach([], _, Open, _, _) -> Open;
reach([To | Rest], Node, Open, Target, CameFrom) ->
    case atomics:compare_exchange(CameFrom, To + 1, 0, Node + 1) of
        ok when To =:= Target -> found;
        ok -> reach(Rest, Node, queue:in(To, Open), Target, CameFrom);
        _ -> reach(Rest, Node, Open, Target, CameFrom)
    end.

%% What is right: edges lead to larger nodes, so that one pass finds all that can be reached.
has_way(Target, Target, _, Reached) -> Target > 0 andalso is_map_key(Target, Reached);
has_way(Node, Target, Edges, Reached) ->
    Next = case Reached of
        #{Node := true} -> lists:foldl(fun(To, Map) -> Map#{To => true} end, Reached, element(Node + 1, Edges));
        _ -> Reached
    end,
    has_way(Node + 1, Target, Edges, Next).
way_back(CameFrom, Node) ->
    case atomics:get(CameFrom, Node + 1) of
        0 -> Node;
        From -> way_back(CameFrom, From - 1)
    end.
reached(Nodes, Nodes, _, _) -> 0;
reached(Node, Nodes, CameFrom, Edges) ->
    case atomics:get(CameFrom, Node + 1) of
        0 -> reached(Node + 1, Nodes, CameFrom, Edges);
        From ->
            true = lists:member(Node, element(From, Edges)),
            true = From =:= 1 orelse atomics:get(CameFrom, From) > 0,
            1 + reached(Node + 1, Nodes, CameFrom, Edges)
    end.

%% ---- a supervised crash: from before it until the next life has answered ----

crash(N) ->
    catch ets:new(current, [named_table, public]),
    ets:insert(current, {driver, self()}),
    {ok, Supervisor} = supervisor:start_link(?MODULE, supervisor),
    Child = receive {up, C} -> C end,
    Times = crashes(Child, N, []),
    unlink(Supervisor), exit(Supervisor, shutdown),
    Sorted = lists:sort(Times),
    [{"mean", lists:sum(Times) / N, "ns"}, {"p50", lists:nth((N + 1) div 2, Sorted), "ns"}].
crashes(_, 0, Times) -> Times;
crashes(Child, N, Times) ->
    T0 = now_ns(),
    gen_server:cast(Child, crash),
    Next = receive {up, C} -> C end,
    pong = gen_server:call(Next, ping),
    crashes(Next, N - 1, [now_ns() - T0 | Times]).

start_child() -> gen_server:start_link(?MODULE, child, []).
init(server) -> {ok, server};
init(child) -> [{driver, Driver}] = ets:lookup(current, driver), Driver ! {up, self()}, {ok, child};
init(sibling) -> {ok, child};
init(supervisor) ->
    Child = #{id => child, start => {?MODULE, start_child, []}, restart => permanent},
    Siblings = [#{id => I, start => {gen_server, start_link, [?MODULE, sibling, []]}} || I <- lists:seq(1, 9)],
    {ok, {#{strategy => one_for_one, intensity => 1000000, period => 1}, [Child | Siblings]}}.
handle_call(ping, _, State) -> {reply, pong, State};
handle_call(X, _, State) -> {reply, X + 1, State}.
handle_cast(crash, _) -> exit(crash).

%% ---- timers ----

timers(N) ->
    rand:seed(exsss, 42),
    Delays = [9999 + rand:uniform(60000) || _ <- lists:seq(1, N)],
    T0 = now_ns(),
    Refs = [erlang:send_after(D, self(), ring) || D <- Delays],
    T1 = now_ns(),
    [erlang:cancel_timer(R, [{async, false}, {info, false}]) || R <- Refs],
    T2 = now_ns(),
    receive ring -> exit(a_withdrawn_timer_rang) after 0 -> ok end,
    [{"schedule", (T1 - T0) / N, "ns"}, {"cancel", (T2 - T1) / N, "ns"}].

%% The emulator's timers have whole milliseconds.
near(N) ->
    rand:seed(exsss, 42),
    [begin D = rand:uniform(1000) - 1, erlang:send_after(D, self(), {due, now_ns() + D * 1000000}) end
     || _ <- lists:seq(1, N)],
    Late = lists:sort([receive {due, Due} -> now_ns() - Due end || _ <- lists:seq(1, N)]),
    [{"late p50", lists:nth((N + 1) div 2, Late) / 1000, "us"},
     {"late p99", lists:nth(max(1, N * 99 div 100), Late) / 1000, "us"}].

%% ---- TCP: a process for each connection ----

%% bench_echo_load stands beside this module.
echo(N) ->
    {ok, Listening} = gen_tcp:listen(0, [binary, {active, false}, {nodelay, true}, {backlog, 256}, {ip, {127, 0, 0, 1}}]),
    {ok, Port} = inet:port(Listening),
    spawn_link(fun() -> accept(Listening) end),
    Load = filename:join(filename:dirname(code:which(?MODULE)), "bench_echo_load"),
    Running = open_port({spawn_executable, Load},
                        [{args, [integer_to_list(Port), integer_to_list(N)]}, {line, 200}, exit_status]),
    Line = receive {Running, {data, {eol, Seen}}} -> Seen; {Running, {exit_status, Code}} -> exit({load_failed, Code}) end,
    receive {Running, {exit_status, 0}} -> ok; {Running, {exit_status, Other}} -> exit({load_failed, Other}) end,
    [Took, Middle, Late] = [list_to_integer(Word) || Word <- string:tokens(Line, " ")],
    [{"requests", N * 1.0e6 / Took, "k/s"}, {"p50", Middle / 1000, "us"}, {"p99", Late / 1000, "us"}].

accept(Listening) ->
    {ok, Socket} = gen_tcp:accept(Listening),
    Pid = spawn(fun() -> receive ready -> inet:setopts(Socket, [{active, true}]), send_back(Socket) end end),
    ok = gen_tcp:controlling_process(Socket, Pid),
    Pid ! ready,
    accept(Listening).
send_back(Socket) ->
    receive
        {tcp, Socket, Data} -> gen_tcp:send(Socket, Data), send_back(Socket);
        {tcp_closed, Socket} -> ok
    end.
