// What a backend offers of the scheduler; a part of contract.ts.

/** Sums over all Ps since the process began, but for those said to be of now. Each is right by itself, not a snapshot. */
export interface SchedFigures {
  /** Of now: native Ps that may run Gs (the setting). */
  procs: number;
  /** Of now: native Ms (workers, hosts of retaken Ps, sysmon). */
  threads: number;
  /** Of now: workers asleep. */
  idle: number;
  /** Of now: workers that look for work. */
  spinning: number;
  /** Of now: Node isolates that serve. */
  serving: number;
  /** Of now: live Gs. */
  goroutines: number;
  /** Of now: Gs that wait in the Ps' queues. */
  runQueues: number;
  /** Of now: Gs in the global queue. */
  globalQueue: number;
  created: number;
  runs: number;
  parks: number;
  /** Times a worker stole, and how many Gs it got by that. */
  steals: number;
  stolen: number;
  /** Times a native thread took a P from a blocked loop. */
  handoffs: number;
  turns: number;
  messages: number;
  /** Pieces of connection work. */
  waiters: number;
}

export interface SchedBackend {
  /** How many native Ps may run at once. */
  procs(): number;
  /** 1 … 128. Returns what it was before. */
  setProcs(count: number): number;
  figures(): SchedFigures;
  /** Adds the samples of time from ready to run to `counts`, bucket by bucket (see lib/sched/latency.ts). */
  latency(counts: Float64Array): void;
}
