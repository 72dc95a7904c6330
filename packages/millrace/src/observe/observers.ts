import type { TaskObserver } from "../pipeline/observer.ts";

/** One observer that tells several, in their order. */
export function allOf(observers: readonly TaskObserver[]): TaskObserver {
  return {
    event: (event) => observers.forEach((observer) => observer.event(event)),
    committed: (commit) => observers.forEach((observer) => observer.committed(commit)),
    failed: (failure) => observers.forEach((observer) => observer.failed(failure)),
    recovered: () => observers.forEach((observer) => observer.recovered?.()),
    schemaChange: (change) => observers.forEach((observer) => observer.schemaChange(change)),
  };
}
