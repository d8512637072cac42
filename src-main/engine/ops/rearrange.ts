import { activation, f32 } from '../tensor/tensorType.ts';
import type { OpDefinition } from './definition.ts';
import { input, requireShape } from './shapes.ts';

export const upsample2: OpDefinition<'upsample2'> = {
  infer(_attributes, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    return [f32(n, c, 2 * d, 2 * h, 2 * w)];
  },
  gradient: ({ builder, node, gradients: [dy] }) => (dy ? builder.node('upsample2Grad', {}, [dy], node.scope) : []),
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const upsample2Grad: OpDefinition<'upsample2Grad'> = {
  infer(_attributes, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    requireShape(d % 2 === 0 && h % 2 === 0 && w % 2 === 0, 'upsample2Grad', inputs);
    return [f32(n, c, d / 2, h / 2, w / 2)];
  },
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const averagePool3d: OpDefinition<'averagePool3d'> = {
  infer({ kernel: [kd, kh, kw] }, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    requireShape(d % kd === 0 && h % kh === 0 && w % kw === 0, 'averagePool3d', inputs);
    return [f32(n, c, d / kd, h / kh, w / kw)];
  },
  gradient: ({ builder, node, gradients: [dy] }) => (dy ? builder.node('averagePool3dGrad', node.attributes, [dy], node.scope) : []),
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const averagePool3dGrad: OpDefinition<'averagePool3dGrad'> = {
  infer({ kernel: [kd, kh, kw] }, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    return [f32(n, c, d * kd, h * kh, w * kw)];
  },
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const concatChannels: OpDefinition<'concatChannels'> = {
  infer(_attributes, inputs) {
    const a = activation(input(inputs, 0));
    const b = activation(input(inputs, 1));
    requireShape(a.n === b.n && a.d === b.d && a.h === b.h && a.w === b.w, 'concatChannels', inputs);
    return [f32(a.n, a.c + b.c, a.d, a.h, a.w)];
  },
  gradient({ builder, node, gradients: [dy], wanted }) {
    const [a, b] = node.inputs;
    if (!dy || !a || !b) return [];
    const first = activation(a.type).c;
    return [
      wanted(0) ? builder.node('sliceChannels', { start: 0, count: first }, [dy], node.scope)[0] : undefined,
      wanted(1) ? builder.node('sliceChannels', { start: first, count: activation(b.type).c }, [dy], node.scope)[0] : undefined,
    ];
  },
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const sliceChannels: OpDefinition<'sliceChannels'> = {
  infer({ start, count }, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    requireShape(start >= 0 && count > 0 && start + count <= c, 'sliceChannels', inputs);
    return [f32(n, count, d, h, w)];
  },
  gradient: 'not differentiable',
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const cubeSplit: OpDefinition<'cubeSplit'> = {
  infer({ split }, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    requireShape(d % split === 0 && h % split === 0 && w % split === 0, 'cubeSplit', inputs);
    return [f32(n * split ** 3, c, d / split, h / split, w / split)];
  },
  gradient: ({ builder, node, gradients: [dy] }) => (dy ? builder.node('cubeMerge', node.attributes, [dy], node.scope) : []),
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};

export const cubeMerge: OpDefinition<'cubeMerge'> = {
  infer({ split }, inputs) {
    const { n, c, d, h, w } = activation(input(inputs, 0));
    requireShape(n % split ** 3 === 0, 'cubeMerge', inputs);
    return [f32(n / split ** 3, c, d * split, h * split, w * split)];
  },
  gradient: ({ builder, node, gradients: [dy] }) => (dy ? builder.node('cubeSplit', node.attributes, [dy], node.scope) : []),
  storage: 'activation',
  lossBoundary: false,
  recompute: 'never',
};

export const permute: OpDefinition<'permute'> = {
  infer({ axes }, inputs) {
    const { shape } = input(inputs, 0);
    requireShape(shape.length === 5 && [...axes].sort().every((axis, index) => axis === index), 'permute', inputs);
    return [f32(...axes.map((axis) => shape[axis] ?? 0))];
  },
  gradient({ builder, node, gradients: [dy] }) {
    const inverse: [number, number, number, number, number] = [0, 0, 0, 0, 0];
    node.attributes.axes.forEach((axis, index) => (inverse[axis] = index));
    return dy ? builder.node('permute', { axes: inverse }, [dy], node.scope) : [];
  },
  storage: 'activation',
  lossBoundary: false,
  recompute: 'cheap',
};
