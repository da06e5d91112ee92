import process from 'node:process';
import { exitWith } from '../src/cli/exit.ts';
import { main } from '../src/cli/program.ts';

exitWith(await main(process.argv));
