//! What a flow has a stake in: the actions that match it, and the elements that live because of it.

/// Numbers of actions and of elements: 16 bytes in the flow, and beside it only for those that have
/// more than one of either.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stakes(Kept);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kept {
    /// At most one of each, if the count beside it is not zero.
    Few { action: u16, actions: u8, elements: u8, element: u32 },
    /// How many actions there are, their numbers, and those of the elements.
    Many(Box<[u32]>),
}

impl Default for Stakes {
    fn default() -> Self {
        Stakes(Kept::Few { action: 0, actions: 0, elements: 0, element: 0 })
    }
}

impl Stakes {
    /// Of actions by their numbers in the policy and elements by theirs in the engine's table.
    pub fn new(matched: &[u16], held: &[u32]) -> Self {
        if matched.len() <= 1 && held.len() <= 1 {
            return Stakes(Kept::Few {
                action: matched.first().copied().unwrap_or(0),
                actions: u8::from(!matched.is_empty()),
                elements: u8::from(!held.is_empty()),
                element: held.first().copied().unwrap_or(0),
            });
        }
        let count = u32::try_from(matched.len()).unwrap_or(u32::MAX);
        let actions = matched.iter().map(|number| u32::from(*number));
        Stakes(Kept::Many([count].into_iter().chain(actions).chain(held.iter().copied()).collect()))
    }

    /// Whether there is none of either.
    pub const fn is_empty(&self) -> bool {
        matches!(self.0, Kept::Few { actions: 0, elements: 0, .. })
    }

    /// The actions, in their order.
    pub fn matched(&self) -> impl Iterator<Item = u16> + use<'_> {
        let (one, several) = match &self.0 {
            Kept::Few { actions: 0, .. } => (None, &[][..]),
            Kept::Few { action, .. } => (Some(*action), &[][..]),
            Kept::Many(numbers) => (None, parts(numbers).0),
        };
        let several = several.iter().filter_map(|number| u16::try_from(*number).ok());
        one.into_iter().chain(several)
    }

    /// The elements.
    pub fn held(&self) -> &[u32] {
        match &self.0 {
            Kept::Few { elements: 0, .. } => &[],
            Kept::Few { element, .. } => std::slice::from_ref(element),
            Kept::Many(numbers) => parts(numbers).1,
        }
    }
}

fn parts(numbers: &[u32]) -> (&[u32], &[u32]) {
    let Some((count, numbers)) = numbers.split_first() else { return (&[], &[]) };
    numbers.split_at_checked(*count as usize).unwrap_or((numbers, &[]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stakes_are_what_was_put_in() {
        let cases: [(&[u16], &[u32]); 5] = [
            (&[], &[]),
            (&[7], &[]),
            (&[], &[9]),
            (&[0, u16::MAX], &[u32::MAX, 0, 3]),
            (&[2], &[2]),
        ];
        for (matched, held) in cases {
            let stakes = Stakes::new(matched, held);
            assert_eq!(stakes.matched().collect::<Vec<_>>(), matched);
            assert_eq!(stakes.held(), held);
            assert_eq!(stakes.is_empty(), matched.is_empty() && held.is_empty());
        }
        assert_eq!(Stakes::default(), Stakes::new(&[], &[]));
        assert!(size_of::<Stakes>() <= 16);
    }
}
