/** What an answer is waited for with. */
export interface AnswerWatch {
  /** How often it is asked whether somebody works on the answer. */
  readonly everyMs: number;
  /** There is no answer any more after so long. */
  readonly mostMs: number;
  readonly isAtWork: () => Promise<boolean>;
  /** The answer will never come. */
  readonly cut: (waitedMs: number) => void;
}

/**
 * Watches over an answer that is waited for, for as long as the server works on it (I10). Ended by the call of what it gives
 * back.
 */
export function watchAnswer({ everyMs, mostMs, isAtWork, cut }: AnswerWatch): () => void {
  let isOver = false;
  let waitedMs = 0;
  let timer = setTimeout(look, everyMs);
  function look(): void {
    waitedMs += everyMs;
    const asked = waitedMs < mostMs ? isAtWork() : Promise.resolve(false);
    void asked.then((goesOn) => {
      if (isOver) return;
      if (goesOn) timer = setTimeout(look, everyMs);
      else cut(waitedMs);
    });
  }
  return () => {
    isOver = true;
    clearTimeout(timer);
  };
}
