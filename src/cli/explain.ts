import { explainNotification } from '../observe/explanation.ts';
import { parseId } from './chosen-notifications.ts';
import { explanationJson, explanationText } from './explain-report.ts';
import type { CommandContext, ExplainOptions } from './options.ts';
import { withDatabase } from './with-database.ts';

/** Tells the story of one notification. Exit code 1: the log does not have it. */
export async function runExplain(
  context: CommandContext,
  { json }: ExplainOptions,
  id: string,
  consumer: string | undefined,
): Promise<number> {
  const { output } = context;
  const number = parseId(id);
  const explanation = await withDatabase(context, 'schema', (db) =>
    explainNotification(db, number, consumer),
  );
  output.write(
    json
      ? `${JSON.stringify(explanationJson(explanation), undefined, 2)}\n`
      : explanationText(explanation, output.columns),
  );
  return explanation.kind === 'present' ? 0 : 1;
}
