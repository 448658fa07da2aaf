//! The syntax tree of a Python pattern, flags already settled, and what can be read off it. Pure.

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Node {
    Empty,
    Literal {
        c: char,
        fold: bool,
    },
    /// `.`
    Any {
        newline: bool,
    },
    Class(Class),
    /// `^`
    Start {
        lines: bool,
    },
    /// `$`
    End {
        lines: bool,
    },
    TextStart,
    TextEnd,
    Boundary {
        negated: bool,
        ascii: bool,
    },
    /// A capturing group with its number, or none.
    Group(Option<u32>, Box<Node>),
    Look {
        ahead: bool,
        negated: bool,
        body: Box<Node>,
    },
    Atomic(Box<Node>),
    BackRef(u32),
    Repeat {
        body: Box<Node>,
        min: u32,
        max: Option<u32>,
        mode: Mode,
    },
    Concat(Vec<Node>),
    Alternation(Vec<Node>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mode {
    Greedy,
    Lazy,
    Possessive,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Class {
    pub(crate) negated: bool,
    pub(crate) fold: bool,
    pub(crate) items: Vec<ClassItem>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClassItem {
    Range(char, char),
    Category {
        kind: Category,
        negated: bool,
        ascii: bool,
    },
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Category {
    Digit,
    Space,
    Word,
}

impl Node {
    pub(crate) fn children(&self) -> &[Node] {
        match self {
            Node::Group(_, body)
            | Node::Look { body, .. }
            | Node::Atomic(body)
            | Node::Repeat { body, .. } => std::slice::from_ref(body),
            Node::Concat(nodes) | Node::Alternation(nodes) => nodes,
            Node::Empty
            | Node::Literal { .. }
            | Node::Any { .. }
            | Node::Class(_)
            | Node::Start { .. }
            | Node::End { .. }
            | Node::TextStart
            | Node::TextEnd
            | Node::Boundary { .. }
            | Node::BackRef(_) => &[],
        }
    }

    /// Does it hold of this node or one below it?
    pub(crate) fn any(&self, holds: &dyn Fn(&Node) -> bool) -> bool {
        holds(self) || self.children().iter().any(|child| child.any(holds))
    }

    /// Can it match the empty text?
    pub(crate) fn nullable(&self) -> bool {
        match self {
            Node::Literal { .. } | Node::Any { .. } | Node::Class(_) => false,
            Node::Group(_, body) | Node::Atomic(body) => body.nullable(),
            Node::Repeat { body, min, .. } => *min == 0 || body.nullable(),
            Node::Concat(nodes) => nodes.iter().all(Node::nullable),
            Node::Alternation(nodes) => nodes.iter().any(Node::nullable),
            Node::Empty
            | Node::Start { .. }
            | Node::End { .. }
            | Node::TextStart
            | Node::TextEnd
            | Node::Boundary { .. }
            | Node::Look { .. }
            | Node::BackRef(_) => true,
        }
    }

    /// The least and most characters that it matches; no most when there is none.
    pub(crate) fn width(&self) -> (u64, Option<u64>) {
        match self {
            Node::Literal { .. } | Node::Any { .. } | Node::Class(_) => (1, Some(1)),
            Node::Group(_, body) | Node::Atomic(body) => body.width(),
            Node::Repeat { body, min, max, .. } => {
                let (low, high) = body.width();
                let most = match (high, max) {
                    (Some(0), _) => Some(0),
                    (Some(high), Some(max)) => high.checked_mul(u64::from(*max)),
                    (None, _) | (_, None) => None,
                };
                (low.saturating_mul(u64::from(*min)), most)
            }
            Node::Concat(nodes) => nodes.iter().map(Node::width).fold((0, Some(0)), |a, b| {
                let most = a.1.zip(b.1).and_then(|(a, b)| a.checked_add(b));
                (a.0.saturating_add(b.0), most)
            }),
            Node::Alternation(nodes) => {
                let widths: Vec<_> = nodes.iter().map(Node::width).collect();
                let least = widths.iter().map(|w| w.0).min().unwrap_or(0);
                let most = widths.iter().map(|w| w.1).collect::<Option<Vec<_>>>();
                (least, most.and_then(|most| most.into_iter().max()))
            }
            Node::BackRef(_) => (0, None),
            Node::Empty
            | Node::Start { .. }
            | Node::End { .. }
            | Node::TextStart
            | Node::TextEnd
            | Node::Boundary { .. }
            | Node::Look { .. } => (0, Some(0)),
        }
    }
}
