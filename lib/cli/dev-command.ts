/** `leyden dev`: a store on this machine, for as long as the command runs. */
import { type Command, command } from './command.js';
import { exitCodes } from './exit.js';
import { wholeNumber } from './flag-values.js';
import { stopSignals } from './signals.js';

const tableDefault = 'leyden';

interface DevFlags {
  readonly port?: number;
  readonly path?: string;
}

export const devCommand: Command = command<DevFlags>(
  {
    words: 'dev',
    about: 'run a DynamoDB of your own on this machine, until Ctrl-C',
    more:
      'dynalite on 127.0.0.1, in memory unless --path is given, with one table. Prints what other shells need, as lines for them.\n\n' +
      'Ends with 0 on Ctrl-C. Needs the package dynalite (npm install dynalite).',
    flags: [
      { words: '--port <n>', about: 'port (default: any free one)', read: wholeNumber('--port', 0, 65_535) },
      { words: '--path <folder>', about: 'keeps the data there' },
    ],
    examples: [
      'leyden dev',
      'leyden dev --port 8000 --path ./data --table state',
      'leyden dev > dev.env & until [ -s dev.env ]; do sleep 0.1; done; . ./dev.env',
    ],
  },
  async ({ flags, output, shell }) => {
    const stop = stopSignals();
    const { startEmbedded } = await import('../embedded/index.js');
    const { openTable } = await import('./connection.js');
    const { port, path } = flags;
    const store = await startEmbedded({ ...(port !== undefined && { port }), ...(path !== undefined && { path }) });
    try {
      const { endpoint, clientConfig } = store;
      const tableName = flags.table ?? (shell.env.LEYDEN_TABLE || tableDefault);
      const env = {
        AWS_ENDPOINT_URL_DYNAMODB: endpoint,
        AWS_REGION: clientConfig.region,
        AWS_ACCESS_KEY_ID: clientConfig.credentials.accessKeyId,
        AWS_SECRET_ACCESS_KEY: clientConfig.credentials.secretAccessKey,
        LEYDEN_TABLE: tableName,
      };
      const { keyName, sortKeyName } = flags;
      const { table, close } = await openTable(
        {
          endpointUrl: endpoint,
          region: clientConfig.region,
          table: tableName,
          ...(keyName !== undefined && { keyName }),
          ...(sortKeyName !== undefined && { sortKeyName }),
        },
        {},
      );
      try {
        await table.ensure();
      } finally {
        await close();
      }
      const lines = Object.entries(env).map(([name, value]) => `export ${name}=${value}`);
      output.result({ endpoint, table: tableName, env }, [`# ${endpoint}`, ...lines].join('\n'));
      output.note(
        'running',
        { endpoint, path },
        `a store ${path === undefined ? 'in memory' : `in ${path}`}; Ctrl-C ends it`,
      );
      if (stop.by === undefined) await new Promise((done) => stop.signal.addEventListener('abort', done));
      return exitCodes.done;
    } finally {
      await store.close();
      stop.close();
    }
  },
);
