/** How far the run is: a bar on a terminal, plain lines elsewhere. On standard error, which leaves the output to the report. */
import { MultiBar, Presets, type SingleBar } from 'cli-progress';

export interface Progress {
  update(rows: number): void;
  note(text: string): void;
  stop(): void;
}

const linesInAll = 10;

export function showProgress(total: number): Progress {
  return process.stderr.isTTY ? showBar(total) : showLines(total);
}

function showBar(total: number): Progress {
  const bars = new MultiBar(
    {
      format: '{bar} {percentage} %  {value} of {total} rows  {duration_formatted}',
      stream: process.stderr,
      gracefulExit: false,
    },
    Presets.shades_classic,
  );
  const bar: SingleBar = bars.create(total, 0);
  return {
    update: (rows) => bar.update(rows),
    note: (text) => bars.log(`${text}\n`),
    stop() {
      // Draws once more, for a note that came last.
      bars.update();
      bars.stop();
    },
  };
}

function showLines(total: number): Progress {
  const startedAt = performance.now();
  let lines = 0;
  return {
    update(rows) {
      const reached = Math.floor((rows / total) * linesInAll);
      if (reached <= lines) return;
      lines = reached;
      const seconds = ((performance.now() - startedAt) / 1_000).toFixed(1);
      console.error(`${rows.toLocaleString('en')} of ${total.toLocaleString('en')} rows after ${seconds} s`);
    },
    note: (text) => console.error(text),
    stop() {},
  };
}
