import { discoverConsumers } from '../consumer/discovery.ts';
import { checkUp } from '../observe/checkup/checkup.ts';
import type { Finding } from '../observe/checkup/finding.ts';
import { findingsJson, findingsText } from './doctor-report.ts';
import type { CommandContext, DoctorOptions } from './options.ts';
import { withDatabase } from './with-database.ts';

const LONG_TRANSACTION_SECONDS = 10 * 60;

/** Looks for what is wrong, and says how to mend it. Exit code 1: there is a problem. */
export async function runDoctor(
  context: CommandContext,
  { quick, json }: DoctorOptions,
): Promise<number> {
  const { config, output } = context;
  const project = await lookAtProject(context);
  const found = await withDatabase(context, 'nothing', (db) =>
    checkUp(
      {
        db,
        settings: {
          wake: config.wake,
          preparedStatements: config.preparedStatements,
          cleanupDays: config.cleanup.days,
          longTransactionSeconds: LONG_TRANSACTION_SECONDS,
          consumers: project.consumers,
        },
      },
      { quick },
    ),
  );
  const findings = [...project.findings, ...found];
  output.write(
    json ? `${JSON.stringify(findingsJson(findings), undefined, 2)}\n` : findingsText(findings),
  );
  return findings.some(({ severity }) => severity === 'problem') ? 1 : 0;
}

interface ProjectConsumers {
  /** Undefined: there are none here, or not all could be loaded. */
  readonly consumers: readonly string[] | undefined;
  readonly findings: readonly Finding[];
}

async function lookAtProject({ config, logger }: CommandContext): Promise<ProjectConsumers> {
  const { consumers, failures } = await discoverConsumers({ ...config, logger });
  const ids = consumers.map(({ consumer }) => consumer.id);
  return {
    consumers: ids.length === 0 || failures.length > 0 ? undefined : ids,
    findings: failures.map(({ file, error }) => ({
      check: 'modules',
      severity: 'problem',
      what: `The module ${file} cannot be loaded: ${error.message}`,
      why: 'pgwatch listen does not start with it.',
      mend: ['pgwatch list-consumers'],
    })),
  };
}
