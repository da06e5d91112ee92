import type { Readable } from 'node:stream';
import type { RoleRights } from '../admin/rights.ts';
import type { ResolvedConfig } from '../config/resolved-config.ts';
import type { Environment } from '../config/settings.ts';
import type { StrayErrors } from '../lifecycle/stray-errors.ts';
import type { Logger } from '../logger.ts';
import type { Output } from './output.ts';

/** What every command gets. Flags that set a key of the configuration are in `config` already. */
export interface CommandContext {
  readonly config: ResolvedConfig;
  /** Secrets that are no part of the configuration. */
  readonly env: Environment;
  /** Logs to standard error. */
  readonly logger: Logger;
  /** Standard output: for the command's result, nothing else. */
  readonly output: Output;
  /** Standard input. */
  readonly input: Readable;
  /** What nobody catches ends the process with an error, unless a command takes it over. */
  readonly strayErrors: StrayErrors;
}

/** Which consumers to take: an empty list says nothing. */
export interface ConsumerFilters {
  /** Ids. */
  readonly consumers: readonly string[];
  readonly apps: readonly string[];
  /** Ids. */
  readonly excludeConsumers: readonly string[];
}

/** `status` comes alone; `down` and `to` exclude each other. */
export interface MigrateOptions {
  /** Show what is applied and what is not; change nothing. */
  readonly status: boolean;
  /** Migrate up or down to the migration of this name. */
  readonly to: string | undefined;
  /** Revert the newest migration of the project. */
  readonly down: boolean;
  /** Print the SQL; change nothing. */
  readonly dryRun: boolean;
  /** Roles to be given rights, after migrating. */
  readonly grants: RoleRights;
}

export interface ListenOptions extends ConsumerFilters {
  /** Handle what is there, then exit. */
  readonly once: boolean;
  /** Migrate first. */
  readonly migrate: boolean;
  /** Serve the admin page too, at this address as typed; empty: at the configured one. */
  readonly admin: string | undefined;
}

export interface ListConsumersOptions extends ConsumerFilters {
  readonly json: boolean;
}

/** The age is `config.cleanup.days`. */
export interface CleanupOptions {
  readonly dryRun: boolean;
  readonly includeUnprocessed: boolean;
  readonly includeDead: boolean;
}

/** Exactly one of them. */
export interface AdoptOptions {
  /** What no consumer had handled when the copy was made is handled in it. */
  readonly keepPending: boolean;
  /** It counts as skipped. */
  readonly skipPending: boolean;
}

export interface NotifyOptions {
  readonly key: string | undefined;
}

/** Which of a consumer's notifications a command is about, as typed. */
export interface ChosenNotifications {
  readonly consumer: string;
  readonly ids: readonly string[];
  readonly channels: readonly string[];
  readonly since: string | undefined;
  readonly until: string | undefined;
  readonly key: string | undefined;
  /** `field=value`; all must hold. */
  readonly where: readonly string[];
  /** Only dead letters. */
  readonly dead: boolean;
  /** No other choice is wanted. */
  readonly all: boolean;
}

/** For commands that change many notifications. */
export interface ChangeOptions extends ChosenNotifications {
  /** Show the count; change nothing. */
  readonly dryRun: boolean;
  /** Ask nothing. */
  readonly yes: boolean;
}

export interface StatusOptions {
  readonly json: boolean;
  /** Show it again and again until a signal. */
  readonly watch: boolean;
}

export interface TailOptions {
  /** None: all. */
  readonly channels: readonly string[];
  /** As typed. */
  readonly since: string | undefined;
  readonly json: boolean;
}

export interface ExplainOptions {
  readonly json: boolean;
}

export interface DoctorOptions {
  /** Leave out what reads all of the log. */
  readonly quick: boolean;
  readonly json: boolean;
}

/** The commands' bodies. Each gives the exit code: 0 done, 1 failed; what it throws is reported. */
export interface CommandBodies {
  migrate(context: CommandContext, options: MigrateOptions): Promise<number>;
  listen(context: CommandContext, options: ListenOptions): Promise<number>;
  listConsumers(context: CommandContext, options: ListConsumersOptions): Promise<number>;
  cleanup(context: CommandContext, options: CleanupOptions): Promise<number>;
  adopt(context: CommandContext, options: AdoptOptions): Promise<number>;
  status(context: CommandContext, options: StatusOptions): Promise<number>;
  tail(context: CommandContext, options: TailOptions): Promise<number>;
  /** `id` as typed. */
  explain(
    context: CommandContext,
    options: ExplainOptions,
    id: string,
    consumer: string | undefined,
  ): Promise<number>;
  doctor(context: CommandContext, options: DoctorOptions): Promise<number>;
  /** The address is `config.admin`. */
  admin(context: CommandContext): Promise<number>;
  replay(context: CommandContext, options: ChangeOptions): Promise<number>;
  discard(context: CommandContext, options: ChangeOptions): Promise<number>;
  pause(context: CommandContext, consumer: string): Promise<number>;
  resume(context: CommandContext, consumer: string): Promise<number>;
  forget(context: CommandContext, options: { yes: boolean }, consumer: string): Promise<number>;
  /** `json` as typed; `-` stands for standard input. */
  notify(
    context: CommandContext,
    options: NotifyOptions,
    channel: string,
    json: string,
  ): Promise<number>;
}

/** How each command's body is loaded, when it is called. */
export type Commands = {
  readonly [Name in keyof CommandBodies]: () => Promise<CommandBodies[Name]>;
};
