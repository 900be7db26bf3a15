// Constructions, or checks, that are under way, and how many of them those who wait can count on. One that took longer than its
// waiter had time may never end (a server that does not answer): whoever comes then gets another, if there is room.

/** One that is under way. */
export interface Job {
  readonly since: number;
  /** Whoever it was for went away before: it has until then to be of use to others. */
  until: number;
}

export class Jobs {
  /** Oldest first. */
  readonly #awaited = new Set<Job>();
  /** Under way, those that nobody counts on included. */
  count = 0;

  /** Those that somebody may count on. */
  get awaited(): number {
    return this.#awaited.size;
  }

  start(): Job {
    const job = { since: performance.now(), until: Infinity };
    this.#awaited.add(job);
    this.count++;
    return job;
  }

  end(job: Job): void {
    this.#awaited.delete(job);
    this.count--;
  }

  /** A waiter gave up: the oldest, if it is under way for at least `ms`, is counted on no more. Whether there was one. */
  forgo(ms: number): boolean {
    for (const job of this.#awaited) return performance.now() - job.since >= ms && this.#awaited.delete(job);
    return false;
  }

  /** Or, as none is that old: the oldest is counted on until it is. Whether there was one. */
  forgoLater(ms: number): boolean {
    for (const job of this.#awaited) {
      if (job.until !== Infinity) continue;
      job.until = job.since + ms;
      return true;
    }
    return false;
  }

  /** Forgoes those whose time is over: to be called before they are counted. */
  review(): void {
    for (const job of this.#awaited) {
      if (job.until === Infinity || performance.now() < job.until) return;
      this.#awaited.delete(job);
    }
  }
}
