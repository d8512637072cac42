import { contract, type CallContext, type PartialHandlers } from '#shared/contract/contract.ts';
import type { ServiceDefinition } from '#shared/contract/define.ts';
import type { Workbench } from '#main/project/workbench.ts';

type Handler = (input: unknown, context: CallContext<unknown>) => unknown;

/** The same handlers; those that change the project answer `conflict`, before anything is begun, while it is open for reading alone. */
export function refuseChanges(handlers: PartialHandlers, workbench: Pick<Workbench, 'current'>): PartialHandlers {
  const services: Readonly<Record<string, ServiceDefinition>> = contract;
  const guarded = Object.entries(handlers as Record<string, Record<string, Handler>>).map(([service, methods]) => {
    const each = Object.entries(methods).map(([method, handler]): [string, Handler] => {
      if (services[service]?.methods[method]?.changes !== true) return [method, handler];
      return [
        method,
        (input, context) => {
          workbench.current?.project.requireWritable();
          return handler(input, context);
        },
      ];
    });
    return [service, Object.fromEntries(each)];
  });
  return Object.fromEntries(guarded) as PartialHandlers;
}
