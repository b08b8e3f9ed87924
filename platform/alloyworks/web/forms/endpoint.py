"""The form of a new endpoint: of a model, or of a mixture of endpoints."""

from typing import Any

from django import forms

from alloyworks.accounts.principal import Principal
from alloyworks.serving.models import Endpoint
from alloyworks.web import choices

MODEL, MIXTURE = "model", "mixture"
OF = {MODEL: ("model_id", "idle_minutes"), MIXTURE: ("agents", "aggregator")}


class EndpointForm(forms.Form):
    """Which fields count is told by `kind`."""

    use_required_attribute = False  # of what is hidden nobody could be told

    kind = forms.ChoiceField(choices=[(MODEL, "A model"), (MIXTURE, "A mixture of agents")])
    name = forms.CharField(max_length=63, widget=forms.TextInput(attrs={"placeholder": "chemist"}))
    model_id = forms.ChoiceField(
        label="Model",
        widget=forms.Select(attrs={"data-island": "combobox"}),
        error_messages={"required": "Choose a model."},
    )
    idle_minutes = forms.IntegerField(label="Falls asleep after", min_value=0, initial=30)
    agents = forms.MultipleChoiceField(
        label="Who proposes",
        widget=forms.CheckboxSelectMultiple,
        error_messages={"required": "With no agent there is no mixture: choose endpoints."},
    )
    aggregator = forms.ChoiceField(
        label="Who answers in the end", error_messages={"required": "Choose an endpoint."}
    )

    def __init__(self, principal: Principal, *given: Any, **more: Any) -> None:
        super().__init__(*given, **more)
        if self.is_bound:
            others = OF[MODEL if self.data.get("kind") == MIXTURE else MIXTURE]
            for name in others:
                self.fields[name].required = False
        groups = choices.of_models(principal)
        offered = [
            (group.label, [(choice.value, choice.label) for choice in group.choices])
            for group in groups
            if not any(choice.value.startswith(choices.TO_COME) for choice in group.choices)
        ]
        rows = Endpoint.objects.filter(organisation=principal.organisation, mixture__isnull=True)
        names = [(name, name) for name in rows.order_by("name").values_list("name", flat=True)]
        self.fields["model_id"].choices = [("", "Choose…"), *offered]  # type: ignore[attr-defined]
        self.fields["agents"].choices = names  # type: ignore[attr-defined]
        self.fields["aggregator"].choices = [("", "Choose…"), *names]  # type: ignore[attr-defined]
