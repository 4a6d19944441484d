//===- Reconvergence.cpp - where divergent lanes meet again ---------------===//
//
// Part of the qopt project, under the Apache License v2.0 with LLVM Exceptions.
//
//===----------------------------------------------------------------------===//
//
// Immediate post-dominators by the iteration of Cooper, Harvey and Kennedy, "A
// Simple, Fast Dominance Algorithm", on the reversed graph of instructions.
//
//===----------------------------------------------------------------------===//
#include "Program.h"

#include <string_view>

using namespace ptx;

static bool isExit(const Instruction &in) {
  std::string_view opcode = in.opcode;
  return opcode.starts_with("ret") || opcode.starts_with("exit");
}

void ptx::findReconvergence(std::vector<Instruction> &code) {
  // A branch to a return is a return: lanes that leave must not be waited for.
  for (Instruction &in : code)
    if (in.target >= 0 && isExit(code[in.target]) &&
        code[in.target].guard < 0) {
      in.execute = code[in.target].execute;
      in.opcode = "ret";
      in.target = -1;
    }
  int size = int(code.size()), root = size; // a virtual exit
  auto successors = [&](int i, auto visit) {
    const Instruction &in = code[i];
    if (isExit(in))
      visit(root);
    if (in.target >= 0)
      visit(in.target);
    if ((!isExit(in) && in.target < 0) || in.guard >= 0)
      visit(i + 1 < size ? i + 1 : root);
  };
  std::vector<std::vector<int>> predecessors(size + 1);
  for (int i = 0; i < size; ++i)
    successors(i, [&](int next) { predecessors[next].push_back(i); });
  // Post-order of the reversed graph from the root.
  std::vector<int> order, number(size + 1, -1);
  std::vector<std::pair<int, size_t>> stack{{root, 0}};
  std::vector<bool> seen(size + 1);
  seen[root] = true;
  while (!stack.empty()) {
    auto &[node, next] = stack.back();
    if (next == predecessors[node].size()) {
      number[node] = int(order.size());
      order.push_back(node);
      stack.pop_back();
      continue;
    }
    int from = predecessors[node][next++];
    if (!seen[from]) {
      seen[from] = true;
      stack.push_back({from, 0});
    }
  }
  std::vector<int> dominator(size + 1, -1);
  dominator[root] = root;
  auto meet = [&](int a, int b) {
    while (a != b) {
      while (number[a] < number[b])
        a = dominator[a];
      while (number[b] < number[a])
        b = dominator[b];
    }
    return a;
  };
  for (bool changed = true; changed;) {
    changed = false;
    for (size_t i = order.size(); i-- > 0;) {
      int node = order[i];
      if (node == root)
        continue;
      int best = -1;
      successors(node, [&](int next) {
        if (dominator[next] >= 0)
          best = best < 0 ? next : meet(best, next);
      });
      if (best != dominator[node]) {
        dominator[node] = best;
        changed = true;
      }
    }
  }
  for (int i = 0; i < size; ++i)
    if (code[i].target >= 0 && dominator[i] != root)
      code[i].reconverge = dominator[i];
}
