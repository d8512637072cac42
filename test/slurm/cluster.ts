/** A Slurm of one node in a temporary folder: munged, slurmctld and slurmd of our own, on ports of their own, gone with `close`. */
import { execFileSync, spawn, type ChildProcess } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { hostname, tmpdir, totalmem, userInfo } from 'node:os';
import { delimiter, join } from 'node:path';

const programs = ['munged', 'slurmctld', 'slurmd', 'sbatch', 'srun', 'scontrol', 'scancel'];
const searched = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin'];

/** What of Slurm is not installed here. */
export const missing = programs.filter((name) => !searched.some((folder) => existsSync(join(folder, name))));

export interface Cluster {
  readonly folder: string;
  readonly node: string;
  /** Runs one of Slurm's commands; resolves with what it prints. */
  readonly ask: (program: string, ...args: string[]) => string;
  /** The node goes down as with a loss of power: its daemon and all that it runs are killed. */
  readonly nodeDown: () => Promise<void>;
  readonly nodeUp: () => Promise<void>;
  readonly close: () => Promise<void>;
}

async function freePort(): Promise<number> {
  const server = createServer();
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  const { port } = server.address() as AddressInfo;
  await new Promise((closed) => server.close(closed));
  return port;
}

export async function until(what: string, condition: () => boolean | Promise<boolean>, seconds = 120): Promise<void> {
  const end = performance.now() + seconds * 1000;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${String(seconds)} s for: ${what}`);
    await new Promise((resolve) => {
      setTimeout(resolve, 250);
    });
  }
}

/** Two partitions of one node: what is submitted to `urgent` preempts what runs in `batch`, with half a minute of grace. */
export async function startCluster(): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), 'slurm-'));
  for (const name of ['state', 'spool', 'munge']) mkdirSync(join(folder, name), { mode: 0o700 });
  const node = hostname().split('.')[0] ?? 'localhost';
  const user = userInfo().username;
  const socket = join(folder, 'munge', 'socket');
  writeFileSync(join(folder, 'munge', 'key'), randomBytes(128), { mode: 0o600 });
  const configuration = join(folder, 'slurm.conf');
  writeFileSync(
    configuration,
    `ClusterName=test
SlurmctldHost=${node}(127.0.0.1)
SlurmUser=${user}
SlurmdUser=${user}
SlurmctldPort=${String(await freePort())}
SlurmdPort=${String(await freePort())}
AuthType=auth/munge
AuthInfo=socket=${socket}
CredType=cred/munge
StateSaveLocation=${join(folder, 'state')}
SlurmdSpoolDir=${join(folder, 'spool')}
SlurmctldPidFile=${join(folder, 'slurmctld.pid')}
SlurmdPidFile=${join(folder, 'slurmd.pid')}
SlurmctldLogFile=${join(folder, 'slurmctld.log')}
SlurmdLogFile=${join(folder, 'slurmd.log')}
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
SwitchType=switch/none
MpiDefault=none
JobAcctGatherType=jobacct_gather/linux
JobAcctGatherFrequency=1
JobAcctGatherParams=OverMemoryKill
SelectType=select/cons_tres
SelectTypeParameters=CR_Core_Memory
SchedulerType=sched/builtin
SchedulerParameters=sched_min_interval=500000,batch_sched_delay=0
PreemptType=preempt/partition_prio
PreemptMode=REQUEUE
ReturnToService=2
SlurmdTimeout=5
InactiveLimit=0
KillWait=20
MinJobAge=600
NodeName=${node} NodeAddr=127.0.0.1 CPUs=2 RealMemory=${String(Math.floor(totalmem() / 2 ** 20 / 2))} State=UNKNOWN
PartitionName=batch Nodes=${node} Default=YES MaxTime=INFINITE State=UP PriorityTier=1 PreemptMode=REQUEUE GraceTime=30 DefMemPerCPU=1000
PartitionName=urgent Nodes=${node} MaxTime=INFINITE State=UP PriorityTier=10 PreemptMode=OFF DefMemPerCPU=100
`,
  );
  process.env['SLURM_CONF'] = configuration;
  process.env['PATH'] = [...searched].join(delimiter);

  const children: ChildProcess[] = [];
  const start = (program: string, ...args: string[]): ChildProcess => {
    const child = spawn(program, args, { stdio: 'ignore' });
    children.push(child);
    return child;
  };
  const ask = (program: string, ...args: string[]): string => execFileSync(program, args, { encoding: 'utf8' });
  const isUp = (): boolean => {
    try {
      return /^(idle|mixed|mix|alloc|allocated)$/.test(ask('sinfo', '--noheader', '--partition=batch', '--format=%T').trim());
    } catch {
      return false;
    }
  };
  const places = ['key', 'log', 'pid', 'seed'].map((name) => `--${name}-file=${join(folder, 'munge', name)}`);
  start('munged', '--foreground', '--force', `--socket=${socket}`, ...places);
  await until('munged', () => existsSync(socket));
  start('slurmctld', '-D', '-f', configuration);
  let slurmd = start('slurmd', '-D', '-f', configuration);
  await until('the node is up', isUp);

  return {
    folder,
    node,
    ask,
    nodeDown: async () => {
      slurmd.kill('SIGKILL');
      // slurmstepd and the job's processes are no children of ours: found by this cluster's own configuration in their environment.
      for (const pid of processesOf(configuration)) process.kill(pid, 'SIGKILL');
      await until('Slurm sees that the node is down', () =>
        ask('sinfo', '--noheader', '--partition=batch', '--format=%T').startsWith('down'),
      );
    },
    nodeUp: async () => {
      slurmd = start('slurmd', '-D', '-f', configuration);
      await until('the node is up again', isUp);
    },
    close: async () => {
      for (const pid of processesOf(configuration)) process.kill(pid, 'SIGKILL');
      for (const child of children.reverse()) {
        if (child.exitCode !== null || child.signalCode !== null) continue;
        const ended = new Promise((resolve) => child.once('exit', resolve));
        child.kill('SIGTERM');
        const late = setTimeout(() => child.kill('SIGKILL'), 10_000);
        await ended;
        clearTimeout(late);
      }
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Steps of this cluster and what runs in them (Linux's /proc), but not its daemons. */
function processesOf(configuration: string): number[] {
  return execFileSync('ps', ['-eo', 'pid='], { encoding: 'utf8' })
    .split('\n')
    .map(Number)
    .filter((pid) => pid > 1 && pid !== process.pid)
    .filter((pid) => {
      try {
        const command = readFileSync(`/proc/${String(pid)}/cmdline`, 'utf8');
        const environment = readFileSync(`/proc/${String(pid)}/environ`, 'utf8');
        return (command.startsWith('slurmstepd') || environment.includes('SLURM_JOB_ID=')) && environment.includes(configuration);
      } catch {
        return false; // it ended meanwhile
      }
    });
}
