"""Training steps of bp and ddtp_linear in PyTorch, for comparison: float32, 784-256x5-10, tanh,
mini-batches of 128, Adam.

Two ways to write each of them:
  careful   all in place: products into kept buffers, gradients by hand, the noisy passes stacked
            into one product a layer, all parameters in one flat vector for Adam
  autograd  as one would at first: modules, losses, backward(), torch.optim.Adam

    torch_training.py RULE WAY THREADS BATCHES

prints the seconds of an epoch of 55,000 samples (430 steps; for ddtp_linear, as the preset has it,
with a pass of feedback training after it), from BATCHES mini-batches after a warm-up.
"""
import math
import sys
import time

import torch

SIZES = [784, 256, 256, 256, 256, 256, 10]
LAST = len(SIZES) - 1
BATCH = 128
EPOCH_STEPS = 430
SAMPLES = 55000
ETA, SIGMA = 0.05, 0.05
ADAM = dict(lr=1e-4, beta1=0.9, beta2=0.999, epsilon=1e-8)


class FlatAdam:
    """Adam over one vector, of which the parameters are views."""

    def __init__(self, shapes):
        total = sum(math.prod(shape) for shape in shapes)
        self.value, self.gradient = torch.zeros(total), torch.zeros(total)
        self.m, self.v, self.work = torch.zeros(total), torch.zeros(total), torch.zeros(total)
        self.values, self.gradients = [], []
        begin = 0
        for shape in shapes:
            end = begin + math.prod(shape)
            self.values.append(self.value[begin:end].view(shape))
            self.gradients.append(self.gradient[begin:end].view(shape))
            begin = end
        self.t = 0

    def step(self):
        self.t += 1
        beta1, beta2 = ADAM["beta1"], ADAM["beta2"]
        self.m.mul_(beta1).add_(self.gradient, alpha=1 - beta1)
        self.v.mul_(beta2).addcmul_(self.gradient, self.gradient, value=1 - beta2)
        torch.sqrt(self.v, out=self.work)
        self.work.div_(math.sqrt(1 - beta2**self.t)).add_(ADAM["epsilon"])
        self.value.addcdiv_(self.m, self.work, value=-ADAM["lr"] / (1 - beta1**self.t))


class Careful:
    def __init__(self, rule):
        self.rule = rule
        weights = [(SIZES[l], SIZES[l - 1]) for l in range(1, LAST + 1)]
        biases = [(SIZES[l],) for l in range(1, LAST + 1)]
        self.forward_adam = FlatAdam(weights + biases)
        self.w = [None] + self.forward_adam.values[:LAST]
        self.b = [None] + self.forward_adam.values[LAST:]
        self.dw = [None] + self.forward_adam.gradients[:LAST]
        self.db = [None] + self.forward_adam.gradients[LAST:]
        for w in self.w[1:]:
            torch.nn.init.xavier_normal_(w)
        self.feedback_adam = FlatAdam([(SIZES[i], SIZES[LAST]) for i in range(1, LAST)])
        self.q = [None] + self.feedback_adam.values
        self.dq = [None] + self.feedback_adam.gradients
        for q in self.q[1:]:
            torch.nn.init.xavier_normal_(q)
        self.h = [None] + [torch.empty(BATCH, n) for n in SIZES[1:]]
        self.delta = [None] + [torch.empty(BATCH, n) for n in SIZES[1:]]
        # Row block i of layer l: the pass that began at layer i.
        self.noisy = [None] + [torch.empty(l * BATCH, SIZES[l]) for l in range(1, LAST)]
        self.ends = torch.empty((LAST - 1) * BATCH, SIZES[LAST])
        self.xi = [None] + [torch.empty(BATCH, SIZES[l]) for l in range(1, LAST)]

    def forward(self, x):
        self.h[0] = x
        for l in range(1, LAST + 1):
            torch.addmm(self.b[l], self.h[l - 1], self.w[l].t(), out=self.h[l])
            if l < LAST:
                self.h[l].tanh_()

    def multiply_by_derivative(self, l):
        # 1 - h^2
        self.delta[l].sub_(self.delta[l] * self.h[l].square())

    def update(self, y):
        error = self.delta[LAST]
        torch.softmax(self.h[LAST], 1, out=error)
        error.sub_(y).div_(BATCH)
        if self.rule == "bp":
            for l in range(LAST - 1, 0, -1):
                torch.mm(self.delta[l + 1], self.w[l + 1], out=self.delta[l])
                self.multiply_by_derivative(l)
        else:
            # Local losses with targets h - eta e Q^T.
            error.mul_(2 * ETA / BATCH)
            for l in range(1, LAST):
                torch.mm(error, self.q[l].t(), out=self.delta[l])
                self.multiply_by_derivative(l)
        for l in range(1, LAST + 1):
            torch.mm(self.delta[l].t(), self.h[l - 1], out=self.dw[l])
            torch.sum(self.delta[l], 0, out=self.db[l])

    def feedback_update(self):
        for l in range(1, LAST):
            noisy = self.noisy[l]
            if l > 1:
                passing = noisy[: (l - 1) * BATCH]
                torch.addmm(self.b[l], self.noisy[l - 1], self.w[l].t(), out=passing)
                passing.tanh_()
            self.xi[l].normal_().mul_(SIGMA)
            torch.add(self.h[l], self.xi[l], out=noisy[(l - 1) * BATCH :])
        torch.addmm(self.b[LAST], self.noisy[LAST - 1], self.w[LAST].t(), out=self.ends)
        for i in range(1, LAST):
            y = self.ends[(i - 1) * BATCH : i * BATCH].sub_(self.h[LAST])
            r = self.xi[i]
            torch.addmm(r, y, self.q[i].t(), beta=-1, out=r)
            torch.mm(r.t(), y, out=self.dq[i])
            self.dq[i].mul_(2 / (SIGMA**2 * r.numel()))
        self.feedback_adam.step()

    def step(self, x, y):
        self.forward(x)
        self.update(y)
        if self.rule == "ddtp_linear":
            self.feedback_update()
        self.forward_adam.step()

    def feedback_step(self, x):
        self.forward(x)
        self.feedback_update()


class Autograd:
    def __init__(self, rule):
        self.rule = rule
        self.layers = [torch.nn.Linear(SIZES[l - 1], SIZES[l]) for l in range(1, LAST + 1)]
        parameters = [p for layer in self.layers for p in layer.parameters()]
        self.optimiser = torch.optim.Adam(parameters, lr=ADAM["lr"])
        self.q = [torch.nn.Linear(SIZES[LAST], SIZES[i]) for i in range(1, LAST)]
        self.feedback_optimiser = torch.optim.Adam(
            [p for q in self.q for p in q.parameters()], lr=ADAM["lr"]
        )

    def layer(self, l, h):
        a = self.layers[l - 1](h)
        return torch.tanh(a) if l < LAST else a

    def forward(self, x):
        h = [x]
        for l in range(1, LAST + 1):
            h.append(self.layer(l, h[-1]))
        return h

    def step(self, x, y):
        if self.rule == "bp":
            self.optimiser.zero_grad()
            torch.nn.functional.cross_entropy(self.forward(x)[LAST], y).backward()
            self.optimiser.step()
            return
        # Each layer from the detached activity below, as its local loss needs it.
        h = [x]
        for l in range(1, LAST + 1):
            h.append(self.layer(l, h[-1].detach()))
        output = h[LAST].detach().requires_grad_()
        (error,) = torch.autograd.grad(torch.nn.functional.cross_entropy(output, y), output)
        with torch.no_grad():
            target = output - ETA * error
            targets = [
                h[i] + self.q[i - 1](target) - self.q[i - 1](output) for i in range(1, LAST)
            ] + [target]
        self.optimiser.zero_grad()
        for l in range(1, LAST + 1):
            ((h[l] - targets[l - 1]) ** 2).sum(1).mean().backward()
        self.feedback_update([a.detach() for a in h])
        self.optimiser.step()

    def feedback_update(self, h):
        self.feedback_optimiser.zero_grad()
        for i in range(1, LAST):
            with torch.no_grad():
                start = h[i] + SIGMA * torch.randn_like(h[i])
                end = start
                for l in range(i + 1, LAST + 1):
                    end = self.layer(l, end)
            q = self.q[i - 1]
            reconstruction = q(end) + h[i] - q(h[LAST])
            (((reconstruction - start) ** 2).mean() / SIGMA**2).backward()
        self.feedback_optimiser.step()

    def feedback_step(self, x):
        with torch.no_grad():
            h = self.forward(x)
        self.feedback_update(h)


def main():
    rule, way, threads, batches = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    torch.set_num_threads(threads)
    torch.set_flush_denormal(True)
    torch.manual_seed(1)
    inputs = torch.rand(batches * BATCH, SIZES[0])
    classes = torch.randint(0, SIZES[LAST], (batches * BATCH,))
    one_hot = torch.nn.functional.one_hot(classes, SIZES[LAST]).float()
    trainer = Careful(rule) if way == "careful" else Autograd(rule)
    labels = one_hot if way == "careful" else classes

    def epoch():
        order = torch.randperm(batches * BATCH).view(batches, BATCH)
        for part in order:
            trainer.step(inputs[part], labels[part])
        if rule == "ddtp_linear":
            for part in order:
                trainer.feedback_step(inputs[part])

    epoch()
    start = time.perf_counter()
    epoch()
    print((time.perf_counter() - start) * SAMPLES / (batches * BATCH))


if __name__ == "__main__":
    main()
