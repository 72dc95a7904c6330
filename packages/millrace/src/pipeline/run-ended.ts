/** What whoever still waits for a run is told when it ends: the run is over, whatever broke it or not. */
export class RunEnded extends Error {
  override readonly name = "RunEnded";
}
