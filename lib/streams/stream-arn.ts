/** What the ARN of a stream says: its table, and when it was turned on. */
import { StreamError } from './errors.js';

/** The parts of a stream's ARN that matter here. */
export interface StreamArn {
  readonly tableName: string;
  /** When the stream was turned on, as text of a fixed width: later ones sort behind earlier ones. */
  readonly label: string;
  /** What is the same for all streams of the table. */
  readonly tableArn: string;
}

/** Tables' names of the service; stand-ins put other things where its Region and its account are. */
const pattern = /^(arn:[\w-]+:dynamodb:[\w-]*:\w*:table\/([\w.-]+))(?:\/stream\/([^/\s]+))?$/;

/** @throws {StreamError} `ERR_STREAM` `wrong-arn`, saying what it is instead where that can be told. */
export function parseStreamArn(arn: string): StreamArn {
  const [, tableArn, tableName, label] = pattern.exec(arn) ?? [];
  if (tableArn === undefined || tableName === undefined) {
    throw new StreamError(
      'wrong-arn',
      arn,
      'it is no ARN of a stream, which is arn:aws:dynamodb:<region>:<account>:table/<table>/stream/<label>; ' +
        "take LatestStreamArn of the table's description, or give table with the table's name",
    );
  }
  if (label === undefined) {
    throw new StreamError(
      'wrong-arn',
      arn,
      `it is the ARN of a table, not of its stream; give table: ${JSON.stringify(tableName)}, or append /stream/<label>`,
    );
  }
  return { tableArn, tableName, label };
}
