"""Executes the subset of PTX that qopt emits, one warp at a time.

A test tool: it follows the PTX ISA's definitions literally and refuses what it
does not know. Lanes of a warp run in lockstep while their program counters
agree; the lowest counter goes first, and lanes wait at barriers for the rest.
"""
import re
import struct

MASK32, MASK64 = 0xFFFFFFFF, 0xFFFFFFFFFFFFFFFF
SHARED_BASE = 1 << 40


def f32_bits(value):
    try:
        return struct.unpack("<I", struct.pack("<f", value))[0]
    except OverflowError:
        return 0x7F800000 if value > 0 else 0xFF800000


def f32(bits):
    return struct.unpack("<f", struct.pack("<I", bits))[0]


def f16(bits):
    return struct.unpack("<e", struct.pack("<H", bits))[0]


def f16_bits(value):
    return struct.unpack("<H", struct.pack("<e", value))[0]


def bf16(bits):
    return f32(bits << 16)


def bf16_bits(value):
    bits = f32_bits(value)
    return (bits + 0x7FFF + (bits >> 16 & 1)) >> 16


HALVES = {"f16": (f16, f16_bits), "bf16": (bf16, bf16_bits)}
INTEGER = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "and": lambda a, b: a & b,
    "or": lambda a, b: a | b,
    "shl": lambda a, b: a << b,
    "shr": lambda a, b: a >> b,
}


def signed(value):
    return value - (1 << 32) if value & 0x80000000 else value


class Memory:
    """Named buffers at addresses far apart; every access is checked."""

    def __init__(self):
        self.buffers = {}

    def add(self, data):
        base = (len(self.buffers) + 1) << 32
        self.buffers[base >> 32] = data
        return base

    def place(self, address, size):
        data = self.buffers.get(address >> 32)
        offset = address & MASK32
        if data is None or offset + size > len(data):
            raise RuntimeError("access of %d bytes outside memory" % size)
        if offset % size:
            raise RuntimeError("misaligned access of %d bytes" % size)
        return data, offset

    def load(self, address, words):
        data, offset = self.place(address, 4 * words)
        return struct.unpack_from("<%dI" % words, data, offset)

    def store(self, address, value):
        data, offset = self.place(address, 4)
        struct.pack_into("<I", data, offset, value)


class Kernel:
    def __init__(self, text, entry):
        body = text[text.index(".entry " + entry + "(") :]
        header, body = body.split("{", 1)
        self.block = int(re.search(r"\.reqntid (\d+)", header)[1])
        self.parameters = re.findall(r"\.param \S+ .*?(\w+_param_\d+)", header)
        body = re.split(r"\n\}", body)[0]
        shared = re.search(r"\.shared .* (\w+)\[(\d+)\];", body)
        self.shared_name, self.shared_bytes = shared[1], int(shared[2])
        body = re.sub(r"//[^\n]*", "", body)
        body = re.sub(r"(\$\w+):", r"\1:;", body)
        self.labels, self.code = {}, []
        for statement in body.split(";"):
            statement = " ".join(statement.split())
            if statement.endswith(":"):
                self.labels[statement[:-1]] = len(self.code)
            elif statement and not statement.startswith("."):
                self.code.append(self.parse(statement))

    @staticmethod
    def parse(statement):
        guard = None
        if statement.startswith("@"):
            guard, statement = statement[1:].split(" ", 1)
        operation, _, rest = statement.partition(" ")
        operands = re.findall(r"\{[^}]*\}|\[[^\]]*\]|[^,{}\[\]\s]+", rest)
        return guard, operation, operands


class Warp:
    def __init__(self, kernel, memory, shared, arguments, special, first):
        self.kernel, self.memory, self.shared = kernel, memory, shared
        self.arguments = arguments
        self.registers = [dict() for _ in range(32)]
        for lane in range(32):
            self.registers[lane].update(special)
            self.registers[lane]["%tid.x"] = first + lane
        self.counters = [0] * 32  # None: the lane has returned

    def run_to_barrier(self):
        """True at a barrier, False at the end."""
        while True:
            alive = [c for c in self.counters if c is not None]
            if not alive:
                return False
            code = self.kernel.code
            moving = [c for c in alive if code[c][1] != "bar.sync"]
            if not moving:
                if len(set(alive)) > 1:
                    raise RuntimeError("lanes wait at different barriers")
                self.counters = [c and c + 1 for c in self.counters]
                return True
            at = min(moving)
            lanes = [l for l in range(32) if self.counters[l] == at]
            guard, operation, operands = code[at]
            if guard:
                name, want = guard.lstrip("!"), not guard.startswith("!")
                taken = [l for l in lanes if self.registers[l][name] == want]
            else:
                taken = lanes
            for lane in lanes:
                self.counters[lane] = at + 1
            if operation in ("bra", "bra.uni"):
                for lane in taken:
                    self.counters[lane] = self.kernel.labels[operands[0]]
            elif operation == "ret":
                for lane in taken:
                    self.counters[lane] = None
            elif operation.startswith("mma.sync"):
                self.mma(operation, operands, taken)
            else:
                for lane in taken:
                    self.execute(lane, operation, operands)

    def value(self, lane, operand):
        if operand.startswith("%"):
            return self.registers[lane][operand]
        if operand == self.kernel.shared_name:
            return SHARED_BASE
        if operand.startswith("0f"):
            return int(operand[2:], 16)
        return int(operand.rstrip("U"), 0) & MASK64

    def address(self, lane, operand):
        base, _, offset = operand.strip("[]").partition("+")
        return self.value(lane, base) + int(offset or 0)

    def mma(self, operation, operands, lanes):
        if lanes != list(range(32)) or "m16n8k16.row.col.f32" not in operation:
            raise RuntimeError("mma.sync is not executed by a whole warp")
        read = HALVES[operation.split(".")[-2]][0]
        d, a, b, c = (re.findall(r"[%\w]+", o) for o in operands)
        left = [[0.0] * 16 for _ in range(16)]
        right = [[0.0] * 8 for _ in range(16)]
        for lane in range(32):
            group, thread = lane // 4, lane % 4
            for i in range(8):
                bits = self.registers[lane][a[i // 2]] >> 16 * (i % 2) & 0xFFFF
                row = group + (8 if i in (2, 3, 6, 7) else 0)
                left[row][2 * thread + i % 2 + (8 if i >= 4 else 0)] = read(bits)
            for i in range(4):
                bits = self.registers[lane][b[i // 2]] >> 16 * (i % 2) & 0xFFFF
                right[2 * thread + i % 2 + (8 if i >= 2 else 0)][group] = read(bits)
        for lane in range(32):
            group, thread = lane // 4, lane % 4
            results = []
            for i in range(4):
                row, column = group + (8 if i >= 2 else 0), 2 * thread + i % 2
                total = f32(self.value(lane, c[i]))
                for k in range(16):
                    total += left[row][k] * right[k][column]
                results.append(f32_bits(total))
            self.registers[lane].update(zip(d, results))

    def execute(self, lane, operation, operands):
        registers = self.registers[lane]
        parts = operation.split(".")
        name, kind = parts[0], parts[-1]
        mask = MASK64 if kind in ("b64", "s64", "u64") else MASK32

        def arg(i):
            return self.value(lane, operands[i])

        if name == "ld":
            if parts[1] == "param":
                result = self.arguments[operands[1].strip("[]")]
            else:
                address = self.address(lane, operands[1])
                memory = self.memory
                if parts[1] == "shared":
                    memory, address = self.shared, address - SHARED_BASE + (1 << 32)
                count = 4 if "v4" in parts else 2 if "v2" in parts else 1
                names = re.findall(r"%\w+", operands[0])
                registers.update(zip(names, memory.load(address, count)))
                return
        elif name == "st":
            address = self.address(lane, operands[0])
            if parts[1] == "shared":
                self.shared.store(address - SHARED_BASE + (1 << 32), arg(1))
            else:
                self.memory.store(address, arg(1))
            return
        elif name == "mov" and operands[0].startswith("{"):
            low, high = re.findall(r"[%\w]+", operands[0])
            registers[low], registers[high] = arg(1) & 0xFFFF, arg(1) >> 16 & 0xFFFF
            return
        elif name == "mov" and operands[1].startswith("{"):
            low, high = (self.value(lane, v) for v in re.findall(r"[%\w]+", operands[1]))
            result = low | high << 16
        elif name in ("mov", "cvta"):
            result = arg(1)
        elif name == "lop3":
            a, b, c, table = (arg(i) for i in range(1, 5))
            result = 0
            for bit in range(8):
                if table >> bit & 1:
                    x = a if bit & 4 else ~a
                    y = b if bit & 2 else ~b
                    z = c if bit & 1 else ~c
                    result |= x & y & z
        elif name == "prmt":
            pool = (arg(1) & MASK32) | (arg(2) & MASK32) << 32
            result = 0
            for i in range(4):
                result |= (pool >> 8 * (arg(3) >> 4 * i & 7) & 0xFF) << 8 * i
        elif kind in ("f16x2", "bf16x2") and name in ("add", "fma"):
            read, write = HALVES[kind[:-2]]
            result = 0
            for shift in (0, 16):
                v = [read(arg(i) >> shift & 0xFFFF) for i in range(1, len(operands))]
                exact = v[0] + v[1] if name == "add" else v[0] * v[1] + v[2]
                result |= write(exact) << shift
        elif operation == "add.rn.f32":
            result = f32_bits(f32(arg(1)) + f32(arg(2)))
        elif operation == "fma.rn.f32":
            result = f32_bits(f32(arg(1)) * f32(arg(2)) + f32(arg(3)))
        elif name == "cvt" and parts[-1] == "f32" and parts[-2].endswith("x2"):
            write = HALVES[parts[-2][:-2]][1]
            result = write(f32(arg(1))) << 16 | write(f32(arg(2)))
        elif operation == "cvt.f32.f16":
            result = f32_bits(f16(arg(1)))
        elif operation in ("cvt.u64.u32", "cvt.u32.u64"):
            result, mask = arg(1) & MASK32, MASK64
        elif operation == "mul.wide.u32":
            result, mask = (arg(1) & MASK32) * (arg(2) & MASK32), MASK64
        elif name == "bfe":
            result = arg(1) >> arg(2) & (1 << arg(3)) - 1
        elif name == "setp":
            a, b = arg(1) & MASK32, arg(2) & MASK32
            if kind == "s32":
                a, b = signed(a), signed(b)
            compare = {"lt": a < b, "ge": a >= b, "gt": a > b, "eq": a == b,
                       "ne": a != b, "le": a <= b}
            registers[operands[0]] = compare[parts[1]]
            return
        elif kind == "pred":
            a, b = arg(1), arg(2)
            registers[operands[0]] = {"or": a or b, "and": a and b}[name]
            return
        elif name == "selp":
            result = arg(1) if arg(3) else arg(2)
        elif name == "min" and kind == "s32":
            result = min(signed(arg(1) & MASK32), signed(arg(2) & MASK32))
        else:
            result = INTEGER[name](arg(1) & mask, arg(2))
        registers[operands[0]] = result & mask


def run(text, entry, arrays, count, grid):
    """Runs the grid; `arrays` are bytearrays, parameters in order."""
    kernel, memory = Kernel(text, entry), Memory()
    values = [memory.add(data) for data in arrays] + [count]
    arguments = dict(zip(kernel.parameters, values))
    for y in range(grid[1]):
        for x in range(grid[0]):
            shared = Memory()
            shared.add(bytearray(b"\xff" * kernel.shared_bytes))
            special = {"%ctaid.x": x, "%ctaid.y": y, "%nctaid.y": grid[1]}
            warps = [Warp(kernel, memory, shared, arguments, special, first)
                     for first in range(0, kernel.block, 32)]
            while True:
                waiting = [warp.run_to_barrier() for warp in warps]
                if not any(waiting):
                    break
                if not all(waiting):
                    raise RuntimeError("some warps miss a barrier")
