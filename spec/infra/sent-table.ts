/** What `AtomTable.create` sends to make a table: by a client of the SDK that answers as the service does. */
import type { CreateTableCommandInput } from '@aws-sdk/client-dynamodb';
import type { DynamoDBClientLike } from '../../lib/engine/index.js';

/** A CreateTable input, and what later calls turned on. */
export type Table = CreateTableCommandInput & {
  /** The attribute that the service expires by. */
  readonly timeToLive?: string | undefined;
  /** Point-in-time recovery. */
  readonly backups?: boolean | undefined;
};

/** Runs `create` on a client that notes what it sends. */
export async function tableMadeBy(create: (client: DynamoDBClientLike) => Promise<unknown>): Promise<Table> {
  let table: Table | undefined;
  let timeToLive: string | undefined;
  const answers: Readonly<Record<string, (input: Record<string, unknown>) => object>> = {
    CreateTableCommand: (input) => {
      table = input as unknown as Table;
      return {};
    },
    DescribeTableCommand: () => ({ Table: { ...table, TableStatus: 'ACTIVE' } }),
    DescribeTimeToLiveCommand: () => ({ TimeToLiveDescription: { TimeToLiveStatus: 'DISABLED' } }),
    UpdateTimeToLiveCommand: ({ TimeToLiveSpecification: wanted }) => {
      timeToLive = (wanted as { AttributeName: string }).AttributeName;
      return {};
    },
  };
  const send = async (command: object): Promise<unknown> => {
    const { input } = command as { readonly input: Record<string, unknown> };
    const answer = answers[command.constructor.name]?.(input);
    if (answer === undefined) throw new Error(`Cannot play the service: ${command.constructor.name}`);
    return { $metadata: { attempts: 1 }, ...answer };
  };
  await create({ config: {}, send });
  if (table === undefined) throw new Error('Cannot compare: create() made no table');
  return { ...table, timeToLive };
}
