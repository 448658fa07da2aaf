//! What each sequence of the context holds, and how many cells that takes. A cell is one computed
//! token; sequences that share a prefix share its cells, so cells are counted by reference.

use super::Limits;
use crate::ffi::{BatchToken, Token};

#[derive(Debug)]
pub(super) struct Memory {
    sequences: Vec<Sequence>,
    /// How many sequences hold each cell; 0 is free.
    holders: Vec<u16>,
    free: Vec<u32>,
}

#[derive(Debug)]
struct Sequence {
    cells: Vec<Cell>,
    role: Role,
    /// The admission that used it last.
    used: u64,
}

#[derive(Clone, Copy, Debug)]
struct Cell {
    token: Token,
    id: u32,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Role {
    Idle,
    Busy,
    Pinned,
}

impl Memory {
    pub(super) fn new(limits: &Limits) -> Memory {
        let calls = limits.slots + limits.spare;
        let sequence = |i| Sequence {
            cells: Vec::new(),
            role: if i < calls { Role::Idle } else { Role::Pinned },
            used: 0,
        };
        Memory {
            sequences: (0..calls + limits.pinned).map(sequence).collect(),
            holders: vec![0; limits.cells as usize],
            free: (0..limits.cells).rev().collect(),
        }
    }

    pub(super) fn used(&self) -> usize {
        self.holders.len() - self.free.len()
    }

    pub(super) fn length(&self, sequence: u32) -> usize {
        self.at(sequence).cells.len()
    }

    pub(super) fn is_idle(&self, sequence: u32) -> bool {
        self.at(sequence).role == Role::Idle
    }

    pub(super) fn occupy(&mut self, sequence: u32, order: u64) {
        let sequence = self.at_mut(sequence);
        sequence.role = Role::Busy;
        sequence.used = order;
    }

    pub(super) fn release(&mut self, sequence: u32, order: u64) {
        let sequence = self.at_mut(sequence);
        sequence.role = Role::Idle;
        sequence.used = sequence.used.max(order);
    }

    pub(super) fn touch(&mut self, sequence: u32, order: u64) {
        let sequence = self.at_mut(sequence);
        sequence.used = sequence.used.max(order);
    }

    pub(super) fn append(&mut self, sequence: u32, token: Token, wants_logits: bool) -> BatchToken {
        let id = self.free.pop().expect("admission promised this cell");
        self.holders[id as usize] = 1;
        let cells = &mut self.at_mut(sequence).cells;
        let position = u32::try_from(cells.len()).expect("bounded by the cells");
        cells.push(Cell { token, id });
        BatchToken {
            token,
            position,
            sequence,
            wants_logits,
        }
    }

    pub(super) fn put(&mut self, sequence: u32, tokens: &[Token], order: u64) {
        for &token in tokens {
            self.append(sequence, token, false);
        }
        self.touch(sequence, order);
    }

    pub(super) fn trim(&mut self, sequence: u32, keep: usize) {
        let cells = &mut self.sequences[sequence as usize].cells;
        for cell in cells.drain(keep.min(cells.len())..).rev() {
            let holders = &mut self.holders[cell.id as usize];
            *holders -= 1;
            if *holders == 0 {
                self.free.push(cell.id);
            }
        }
    }

    pub(super) fn share(&mut self, from: u32, to: u32, length: usize) {
        let shared = self.at(from).cells[..length].to_vec();
        for cell in &shared {
            self.holders[cell.id as usize] += 1;
        }
        self.at_mut(to).cells = shared;
    }

    /// The sequence that holds the longest beginning of `prompt` (at most `most` tokens), and how
    /// long that is. Among equals an idle one that holds nothing else comes first.
    pub(super) fn best_source(&self, prompt: &[Token], most: usize) -> (Option<u32>, usize) {
        let mut best = (None, 0, false);
        for (id, sequence) in (0..).zip(&self.sequences) {
            let shared = sequence.common(prompt).min(most);
            let whole = sequence.role == Role::Idle && sequence.cells.len() == shared;
            if shared > best.1 || (shared == best.1 && shared > 0 && whole && !best.2) {
                best = (Some(id), shared, whole);
            }
        }
        (best.0, best.1)
    }

    pub(super) fn pinned_with(&self, tokens: &[Token]) -> Option<u32> {
        self.ids(Role::Pinned)
            .find(|&id| self.at(id).common(tokens) == tokens.len())
    }

    /// The pinned sequence to replace: an empty one, else the one unused for longest.
    pub(super) fn pinned_victim(&self) -> Option<u32> {
        let age = |&id: &u32| (!self.at(id).cells.is_empty(), self.at(id).used);
        self.ids(Role::Pinned).min_by_key(age)
    }

    /// The pinned sequence, among those that hold something, that is unused for longest.
    pub(super) fn pinned_with_cells(&self, keep: Option<u32>) -> Option<u32> {
        self.ids(Role::Pinned)
            .filter(|&id| Some(id) != keep && self.length(id) > 0)
            .min_by_key(|&id| self.at(id).used)
    }

    /// The idle sequence whose loss costs least, empty ones first.
    pub(super) fn idle_victim(&self, keep: Option<u32>) -> Option<u32> {
        self.ids(Role::Idle)
            .filter(|&id| Some(id) != keep)
            .min_by_key(|&id| self.value(id))
    }

    /// As `idle_victim`, among those that hold something.
    pub(super) fn idle_with_cells(&self, keep: Option<u32>) -> Option<u32> {
        self.ids(Role::Idle)
            .filter(|&id| Some(id) != keep && self.length(id) > 0)
            .min_by_key(|&id| self.value(id))
    }

    /// What would have to be computed again, halved with age.
    fn value(&self, id: u32) -> (bool, usize, u64) {
        let newest = self.sequences.iter().map(|s| s.used).max().unwrap_or(0);
        let sequence = self.at(id);
        let age = u32::try_from((newest - sequence.used) / HALF_LIFE).unwrap_or(u32::MAX);
        let tokens = self.own_cells(id).checked_shr(age).unwrap_or(0);
        (!sequence.cells.is_empty(), tokens, sequence.used)
    }

    /// Cells that stay in use when everything but active calls and `keep` is forgotten.
    pub(super) fn bound(&self, keep: Option<u32>) -> usize {
        let mut bound: Vec<u32> = (0..)
            .zip(&self.sequences)
            .filter(|(id, s)| s.role == Role::Busy || Some(*id) == keep)
            .flat_map(|(_, s)| s.cells.iter().map(|c| c.id))
            .collect();
        bound.sort_unstable();
        bound.dedup();
        bound.len()
    }

    /// Cells that only finished calls hold.
    pub(super) fn warm(&self) -> usize {
        self.ids(Role::Idle).map(|id| self.own_cells(id)).sum()
    }

    /// Cells that would be free without this sequence.
    fn own_cells(&self, id: u32) -> usize {
        self.at(id)
            .cells
            .iter()
            .filter(|c| self.holders[c.id as usize] == 1)
            .count()
    }

    fn ids(&self, role: Role) -> impl Iterator<Item = u32> + '_ {
        (0..)
            .zip(&self.sequences)
            .filter(move |(_, s)| s.role == role)
            .map(|(id, _)| id)
    }

    fn at(&self, sequence: u32) -> &Sequence {
        &self.sequences[sequence as usize]
    }

    fn at_mut(&mut self, sequence: u32) -> &mut Sequence {
        &mut self.sequences[sequence as usize]
    }
}

impl Sequence {
    fn common(&self, prompt: &[Token]) -> usize {
        self.cells
            .iter()
            .zip(prompt)
            .take_while(|(cell, token)| cell.token == **token)
            .count()
    }
}

/// How many leading tokens two prompts share.
pub(super) fn common(a: &[Token], b: &[Token]) -> usize {
    a.iter().zip(b).take_while(|(a, b)| a == b).count()
}

/// Admissions after which what a finished call holds counts half.
const HALF_LIFE: u64 = 64;
