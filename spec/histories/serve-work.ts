/** The child's side of a run: a process that does one piece of work after the other. */
import { type Handlers, serve, tell } from './processes.js';

/** One piece of work. */
export interface Job<Report> {
  readonly callers: { run(): Promise<void>; calm(): void; enough(): void };
  /** When all calls have ended: settles what is unknown, and reports. */
  finish(): Report | Promise<Report>;
}

/** Progress is told after each so many calls. */
const step = 10;

/** For callers, to be told as calls begin. */
export function tellProgress(begun: number): void {
  if (begun % step === 0) tell(begun);
}

/** Answers what a run asks of its workers, and what else it asks of these, which have the job that is under way. */
export function serveWork<Work, Made extends Job<unknown>>(
  begin: (work: Work) => Made | Promise<Made>,
  others: (job: () => Made | undefined) => Handlers = () => ({}),
): void {
  let job: Made | undefined;
  /** What was said of the run so far, perhaps before its callers were there. */
  let said = { calm: false, enough: false };
  serve({
    ...others(() => job),
    /** Makes all calls. */
    async run(work: Work): Promise<void> {
      said = { calm: false, enough: false };
      const begun = await begin(work);
      job = begun;
      if (said.calm) begun.callers.calm();
      if (said.enough) begun.callers.enough();
      await begun.callers.run();
    },
    /** The faults have ended. */
    calm(): void {
      said.calm = true;
      job?.callers.calm();
    },
    /** No more calls. */
    enough(): void {
      said.enough = true;
      job?.callers.enough();
    },
    async finish(): Promise<unknown> {
      const report = await job?.finish();
      job = undefined;
      return report;
    },
  });
}
