/** The command line: what may be said, what it means, and what is wrong with it. */
import { parseArgs } from 'node:util';

/** What is shown: the word that may come first. */
export type JobName = 'atoms' | 'prevalence' | 'streams';

/** Where items live. */
export type EngineChoice =
  | { readonly kind: 'dynalite' | 'dynamodb-local'; readonly path: string | undefined }
  | { readonly kind: 'endpoint'; readonly url: string }
  | { readonly kind: 'aws' };

export interface DemoOptions {
  readonly engine: EngineChoice;
  readonly table: string | undefined;
  readonly processes: number;
  /** Processes that read the stream; of the streams' job only. */
  readonly consumers: number;
  readonly kill: boolean;
  readonly json: boolean;
  readonly rows: number;
  readonly rowsPerChunk: number;
  readonly window: number;
  readonly falsify: boolean;
}

/** Something on the command line is wrong; `main` says so and exits with 2. */
export class UsageError extends Error {}

const rowsMax = 200_000;
const processesMax = 32;
const consumersDefault = 3;

interface JobWords {
  readonly usage: string;
  readonly about: string;
  /** What is so when nothing is said. */
  readonly defaults: {
    readonly engine: 'dynalite' | 'dynamodb-local';
    readonly processes: number;
    readonly rows: number;
    readonly chunk: number;
    readonly window: number;
  };
  /** More flags, as lines of the help. */
  readonly more?: string;
  readonly examples: readonly string[];
  readonly equal: string;
}

const jobs: Readonly<Record<JobName, JobWords>> = {
  atoms: {
    usage: 'npm start -- [options]',
    about: `Counts 200,000 flights with several processes that share nothing but atoms, kills one of them midway, and compares
the atoms with a plain sequential computation. "npm start -- prevalence --help" and "npm start -- streams --help" tell of
the other jobs.`,
    defaults: { engine: 'dynalite', processes: 4, rows: rowsMax, chunk: 2_000, window: 500 },
    examples: [
      'npm start',
      'npm start -- --processes 8 --no-kill',
      'npm --silent start -- --engine dynamodb-local --json > figures.json',
      'npm start -- --engine aws --table flights-demo',
    ],
    equal: 'the atoms equal the sequential computation',
  },
  prevalence: {
    usage: 'npm start -- prevalence [options]',
    about: `Sends 200,000 flights as events, one each, from several processes into one prevalent system, kills one of them midway,
takes a snapshot and prunes the journal while they go on, and lets a fresh process recover. Compares what it holds, and
what it held in the middle, with a plain sequential computation.`,
    defaults: { engine: 'dynalite', processes: 4, rows: rowsMax, chunk: 2_000, window: 1_000 },
    examples: [
      'npm start -- prevalence',
      'npm start -- prevalence --processes 8 --no-kill',
      'npm --silent start -- prevalence --engine dynamodb-local --json > figures.json',
    ],
    equal: 'all that was compared is equal',
  },
  streams: {
    usage: 'npm start -- streams [options]',
    about: `Counts 20,000 flights in atoms, while a consumer group of three processes builds the same statistics from the table's stream;
kills one of the three midway. Each change is counted once, by ctx.transact: the view is compared with the atoms, version by
version, and the atoms with a plain sequential computation. DynamoDB Local has one shard; it is shown to the group as several.`,
    defaults: { engine: 'dynamodb-local', processes: 2, rows: 20_000, chunk: 1_000, window: 100 },
    more: `  --consumers N      processes that read the stream, 1 to ${processesMax} (default ${consumersDefault})
`,
    examples: [
      'npm start -- streams',
      'npm start -- streams --consumers 5 --no-kill',
      'npm --silent start -- streams --json > figures.json',
      'npm start -- streams --engine aws --table flights-demo',
    ],
    equal: 'the view equals the atoms, and the atoms equal the sequential computation',
  },
};

/** The text of `--help`. */
export function helpOf(job: JobName): string {
  const { usage, about, defaults, more = '', examples, equal } = jobs[job];
  const { processes, rows, chunk, window } = defaults;
  const isDefault = (engine: string) => (engine === defaults.engine ? ' (default)' : '');
  const dynalite = `dynalite        embedded, on disk, in a process of its own${isDefault('dynalite')}
                     `;
  const falsify =
    job === 'streams'
      ? 'leave one change out of the view, to see that the comparison notices'
      : 'compare with flights one of which is altered by a minute, to see that the comparison notices';
  return `${about}

Usage: ${usage}

  --processes N      worker processes, 1 to ${processesMax} (default ${processes})
${more}  --engine ENGINE    ${job === 'streams' ? '' : dynalite}dynamodb-local  Amazon's DynamoDB Local; needs Java 17${isDefault('dynamodb-local')}
                     URL             an endpoint, for instance http://localhost:8000
                     aws             DynamoDB itself, with your usual credentials; needs --table
  --table NAME       table to use; made if it is missing, and deleted at the end only if this run made it
                     (default: a new name for each run)
  --path FOLDER      data folder of ${job === 'streams' ? '' : 'dynalite or '}dynamodb-local; stays (default: ${job === 'streams' ? '' : 'a temporary one; '}memory)
  --no-kill          let all processes live
  --json             one JSON document on standard output, all else on standard error
  --rows N           only N flights, spread evenly over the file (default ${rows})
  --chunk N          rows per chunk of the work list (default ${chunk})
  --window N         rows that a process has under way at once (default ${window})
  --falsify          ${falsify}
  --help             this text

Examples:
  ${examples.join('\n  ')}

Exit code: 0 = ${equal}; 1 = not so, or the run failed; 2 = wrong usage;
130, 143 = interrupted, terminated.
`;
}

const flags = {
  processes: { type: 'string' },
  consumers: { type: 'string' },
  engine: { type: 'string' },
  table: { type: 'string' },
  path: { type: 'string' },
  'no-kill': { type: 'boolean' },
  json: { type: 'boolean' },
  rows: { type: 'string' },
  chunk: { type: 'string' },
  window: { type: 'string' },
  falsify: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
} as const;

/** Takes the job's word off the command line. */
export function splitJob(args: readonly string[]): readonly [JobName, readonly string[]] {
  const [word = ''] = args;
  return Object.hasOwn(jobs, word) ? [word as JobName, args.slice(1)] : ['atoms', args];
}

/** Reads the flags of a job; `undefined` when help was asked for. */
export function parseOptions(args: readonly string[], job: JobName = 'atoms'): DemoOptions | undefined {
  const { values, positionals } = parse(args);
  if (values.help) return undefined;
  const { defaults } = jobs[job];
  // "--engine endpoint URL" is taken as well as "--engine URL".
  const [word, ...rest] =
    values.engine === 'endpoint' ? positionals : [values.engine ?? defaults.engine, ...positionals];
  if (word === undefined) throw new UsageError('--engine endpoint wants a URL, for instance http://localhost:8000');
  if (rest.length > 0) throw new UsageError(`Unexpected argument "${rest[0]}"`);
  const engine = engineOf(word, values.path);
  if (job === 'streams' && engine.kind === 'dynalite') {
    throw new UsageError('dynalite has no streams; take --engine dynamodb-local, aws or a URL');
  }
  if (job !== 'streams' && values.consumers !== undefined)
    throw new UsageError('--consumers is for the job streams only');
  const { table } = values;
  if (engine.kind === 'aws' && table === undefined) throw new UsageError('--engine aws wants --table NAME');
  if (table !== undefined && !/^[\w.-]{3,255}$/.test(table)) {
    throw new UsageError(`--table must be 3 to 255 letters, digits, "_", "." or "-": "${table}"`);
  }
  const processes = wholeNumber('processes', values.processes, defaults.processes, processesMax);
  const consumers = wholeNumber('consumers', values.consumers, consumersDefault, processesMax);
  const rowsPerChunk = wholeNumber('chunk', values.chunk, defaults.chunk, rowsMax);
  const window = wholeNumber('window', values.window, defaults.window, 10_000);
  const kill = values['no-kill'] !== true;
  if (kill) requireSurvivors(job, { processes, consumers, rowsPerChunk, window });
  return {
    engine,
    table,
    processes,
    consumers,
    kill,
    json: values.json === true,
    rows: wholeNumber('rows', values.rows, defaults.rows, rowsMax),
    rowsPerChunk,
    window,
    falsify: values.falsify === true,
  };
}

/** One process is killed: somebody must be left, and it must be in the middle of something. */
function requireSurvivors(
  job: JobName,
  numbers: Pick<DemoOptions, 'processes' | 'consumers' | 'rowsPerChunk' | 'window'>,
): void {
  const { processes, consumers, rowsPerChunk, window } = numbers;
  if (job === 'streams') {
    if (consumers > 1) return;
    throw new UsageError('With --consumers 1 nobody is left to take over from a killed process; add --no-kill');
  }
  if (window * 2 > rowsPerChunk) {
    throw new UsageError('With --window above half of --chunk nobody can be killed midway in a chunk; add --no-kill');
  }
  if (processes === 1) {
    throw new UsageError('With --processes 1 nobody is left to take over from a killed process; add --no-kill');
  }
}

function parse(args: readonly string[]) {
  try {
    return parseArgs({ args: [...args], options: flags, allowPositionals: true });
  } catch (error) {
    // Its second sentence is advice on positional arguments, of which there are none here.
    throw new UsageError((error as Error).message.split('. ')[0]);
  }
}

function engineOf(word: string, path: string | undefined): EngineChoice {
  if (word === 'dynalite' || word === 'dynamodb-local') return { kind: word, path };
  if (path !== undefined) throw new UsageError('--path is for --engine dynalite and dynamodb-local only');
  if (word === 'aws') return { kind: 'aws' };
  if (URL.canParse(word) && /^https?:$/.test(new URL(word).protocol)) return { kind: 'endpoint', url: word };
  throw new UsageError(`--engine must be dynalite, dynamodb-local, aws or a URL that begins with http: "${word}"`);
}

function wholeNumber(name: string, text: string | undefined, fallback: number, max: number): number {
  if (text === undefined) return fallback;
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= max) return value;
  throw new UsageError(`--${name} must be a whole number from 1 to ${max}: "${text}"`);
}
